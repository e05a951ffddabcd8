#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace shared::postgres {

// What the caller can do about a SQLSTATE (PostgreSQL manual, Appendix A). kUnavailable: class 08,
// 57P01 to 57P05, 53300, and the two that ask for the same transaction again, 40001 and 40P01.
// kTimeout: 57014, 55P03. kPermissionDenied: class 28, 42501. kResourceExhausted: class 53 but
// 53300. kInvalidInput: the rest.
ErrorCode CodeOfSqlstate(std::string_view sqlstate);

// The parts of a server's error, as libpq gives them; absent parts are "".
struct ServerError {
  std::string_view sqlstate;
  std::string_view message;
  std::string_view detail;
  std::string_view hint;
  std::string_view context;
};

// One line: "23514 new row violates … (DETAIL: …; HINT: …; CONTEXT: COPY t, line 2)".
std::string FormatServerError(const ServerError& error);

// libpq's report of a failed connection attempt, written with PQERRORS_VERBOSE:
//   connection to server on socket "/tmp/.s.PGSQL.5432" failed: FATAL:  28P01: password …
// The SQLSTATE is found by its shape, since the severity before it is in the server's language.
struct StartupFailure {
  std::string sqlstate;  // "" when the server was not reached
  std::string message;   // one line; when the server spoke as FormatServerError, without a preamble
};
StartupFailure ParseStartupFailure(std::string_view report);

// Line breaks and tabs of libpq's messages become one space each run; trimmed.
std::string OneLine(std::string_view text);

}  // namespace shared::postgres
