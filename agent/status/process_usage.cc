#include "agent/status/process_usage.h"

#include <unistd.h>

#include <string>

#include "agent/host/pid_stat.h"
#include "shared/base/file.h"

namespace agent::status {

shared::Result<ProcessUsage> ReadProcessUsage() {
  ASSIGN_OR_RETURN(const std::string text, shared::ReadFile("/proc/self/stat", 4096));
  ASSIGN_OR_RETURN(const host::PidStat stat, host::ParsePidStat(text));
  ProcessUsage out;
  out.cpu_seconds = static_cast<double>(stat.user_ticks + stat.system_ticks) /
                    static_cast<double>(::sysconf(_SC_CLK_TCK));
  out.resident_bytes = stat.resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return out;
}

}  // namespace agent::status
