#pragma once

#include <cstdint>
#include <string_view>

#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/<pid>/stat (proc_pid_stat(5)); a process may be named "a) b (c", so that the
// name ends at the last ')':
//   10404 (postgres) S 1 10404 10404 0 -1 4194304 …
struct PidStat {
  std::string_view name;    // a view of the text that was parsed
  char state = '?';         // R S D Z T t X I …
  uint64_t user_ticks = 0;  // of 1/100 s
  uint64_t system_ticks = 0;
  uint64_t threads = 0;
  uint64_t resident_pages = 0;
};

// Pure. kMalformed: no name in parentheses, or fewer than 24 fields.
shared::Result<PidStat> ParsePidStat(std::string_view text);

// Pure. The state alone. kMalformed: no name in parentheses, or nothing after it.
shared::Result<char> ParseProcessState(std::string_view text);

}  // namespace agent::host
