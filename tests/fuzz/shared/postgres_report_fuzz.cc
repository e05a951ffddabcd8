#include <cstddef>
#include <cstdint>

#include "shared/base/check.h"
#include "shared/postgres/sqlstate.h"

// A server's report of a refused connection: whatever it says, one line comes out of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view report(reinterpret_cast<const char*>(data), size);
  const shared::postgres::StartupFailure failure = shared::postgres::ParseStartupFailure(report);
  CHECK(failure.sqlstate.empty() || failure.sqlstate.size() == 5);
  CHECK(failure.message.find_first_of("\n\r\t") == std::string::npos);
  static_cast<void>(shared::postgres::CodeOfSqlstate(failure.sqlstate));
  return 0;
}
