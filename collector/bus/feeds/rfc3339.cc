#include "collector/bus/feeds/rfc3339.h"

#include <fmt/format.h>

#include <chrono>

namespace collector::bus {

std::string FormatRfc3339(uint64_t unix_nano) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const std::chrono::sys_seconds time{
      std::chrono::seconds(static_cast<int64_t>(unix_nano / kSecond))};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     unix_nano % kSecond);
}

}  // namespace collector::bus
