#include "shared/text/time_text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "shared/text/cursor.h"

namespace shared::text {
namespace {

using std::chrono::nanoseconds;

// Years that an int64 of nanoseconds holds with room to spare.
constexpr int kFirstYear = 1970;
constexpr int kLastYear = 2200;

std::optional<int> Digits(std::string_view text, size_t position, size_t count) {
  if (position + count > text.size()) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    if (text[position + i] < '0' || text[position + i] > '9') return std::nullopt;
  }
  return ParseNumber<int>(text.substr(position, count));
}

// "Z", "+01:00", "-05:30".
std::optional<std::chrono::minutes> ParseOffset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const std::optional<int> hours = Digits(text, 1, 2);
  const std::optional<int> minutes = Digits(text, 4, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int total = *hours * 60 + *minutes;
  return std::chrono::minutes(text[0] == '-' ? -total : total);
}

// ".5" → 500,000,000 ns; takes it off `text`.
std::optional<nanoseconds> TakeFraction(std::string_view& text) {
  if (!text.starts_with('.')) return nanoseconds(0);
  text.remove_prefix(1);
  int64_t nanos = 0;
  int64_t scale = 100'000'000;
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    nanos += (text[digits] - '0') * scale;
    scale /= 10;
    digits += 1;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return nanoseconds(nanos);
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto year = Digits(text, 0, 4);
  const auto month = Digits(text, 5, 2);
  const auto day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2);
  const auto minute = Digits(text, 14, 2);
  const auto second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < kFirstYear || *year > kLastYear || *hour > 23 || *minute > 59 ||
      *second > 59) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(19);
  const std::optional<nanoseconds> fraction = TakeFraction(rest);
  const std::optional<std::chrono::minutes> offset = ParseOffset(rest);
  if (!fraction || !offset) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + *fraction - *offset;
}

std::optional<WallTime> ParseUnixSeconds(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const std::optional<int64_t> seconds = ParseNumber<int64_t>(text.substr(0, point));
  constexpr int64_t kLast = 7'258'118'400;  // 2200-01-01
  if (!seconds || *seconds < 0 || *seconds > kLast) return std::nullopt;
  std::string_view rest = text.substr(point);
  const std::optional<nanoseconds> fraction = TakeFraction(rest);
  if (!fraction || !rest.empty()) return std::nullopt;
  return WallTime(std::chrono::seconds(*seconds)) + *fraction;
}

}  // namespace

std::string FormatTime(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto micros = std::chrono::floor<std::chrono::microseconds>(time - day).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     micros / 3'600'000'000, micros / 60'000'000 % 60, micros / 1'000'000 % 60,
                     micros % 1'000'000);
}

std::optional<WallTime> ParseTime(std::string_view text, WallTime now) {
  if (text.starts_with("now")) {
    text.remove_prefix(3);
    if (text.empty()) return now;
    const bool later = text[0] == '+' || text[0] == ' ';  // '+' in a query string is a space
    if (!later && text[0] != '-') return std::nullopt;
    const auto distance = ParseDuration(text.substr(1));
    if (!distance) return std::nullopt;
    return later ? now + *distance : now - *distance;
  }
  if (const std::optional<WallTime> time = ParseRfc3339(text)) return time;
  return ParseUnixSeconds(text);
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  struct Unit {
    std::string_view name;
    int64_t milliseconds;
  };
  constexpr std::array<Unit, 5> kUnits{
      {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
  constexpr int64_t kMost = int64_t{36'500} * 86'400'000;  // a hundred years
  int64_t total = 0;
  size_t next_unit = 0;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::optional<int64_t> count = ParseNumber<int64_t>(text.substr(0, digits));
    text.remove_prefix(digits);
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    text.remove_prefix(name.size());
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) next_unit += 1;
    if (!count || next_unit == kUnits.size()) return std::nullopt;
    if (*count > kMost / kUnits[next_unit].milliseconds) return std::nullopt;
    total += *count * kUnits[next_unit].milliseconds;
    next_unit += 1;
  }
  if (total <= 0 || total > kMost) return std::nullopt;
  return std::chrono::milliseconds(total);
}

}  // namespace shared::text
