#pragma once

namespace shared {

// Writes "<file>:<line>: CHECK failed: <expression>" to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);

}  // namespace shared

// For bugs of our own, in every build. Never on anything that a file, a peer or an operator can
// cause: that is a Result.
#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::shared::CheckFailed(__FILE__, __LINE__, #condition))
