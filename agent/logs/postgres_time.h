#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/logs/time_zone.h"

namespace agent::logs {

// Reads the times of PostgreSQL's log, which are local to the server's log_timezone:
//   2026-11-21 09:53:53.190 CET     %m, and "timestamp" of jsonlog
//   2026-11-21 09:53:53 CET         %t, %s
//   1795251235.576                  %n
// One thread (it remembers the last abbreviation).
class PostgresTime {
 public:
  explicit PostgresTime(TimeZone zone) : zone_(std::move(zone)) {}

  // Takes one such time from the front of `text`: nanoseconds since 1970 UTC. nullopt (and `text`
  // untouched): there is none. An abbreviation that nothing knows is taken as UTC.
  std::optional<int64_t> TakeLocal(std::string_view& text, bool fraction);
  static std::optional<int64_t> TakeUnix(std::string_view& text);

 private:
  TimeZone zone_;
  std::string abbreviation_;
  int32_t offset_ = 0;
};

// "2026-11-21" and "09:53:53", each of fixed width, at the front of `text`; seconds since 1970 as
// if they were UTC. nullopt: not there or out of range. `separator` stands between date and time.
std::optional<int64_t> TakeCivilTime(std::string_view& text, char separator);
// ".190" at the front of `text`, one to nine digits; as nanoseconds, 0 when there is none.
int64_t TakeFraction(std::string_view& text);

}  // namespace agent::logs
