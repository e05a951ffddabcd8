#pragma once

#include <cstdint>
#include <string_view>

namespace agent::logs {

// OpenTelemetry severity number of a PostgreSQL error_severity: DEBUG1-DEBUG5 and DEBUG 5, LOG and
// INFO 9, NOTICE 10, WARNING 13, ERROR 17, FATAL 21, PANIC 24. 0: no such word.
uint32_t PostgresSeverity(std::string_view word);

// Of a syslog severity, the low three bits of <PRI> (RFC 5424, 6.2.1): debug 5, info 9, notice 10,
// warning 13, err 17, crit 18, alert 19, emerg 21.
uint32_t SyslogSeverity(uint32_t level);
std::string_view SyslogSeverityName(uint32_t level);

}  // namespace agent::logs
