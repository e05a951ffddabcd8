#include "agent/logs/postgres_time.h"

#include <chrono>

namespace agent::logs {
namespace {

constexpr int64_t kNanos = 1'000'000'000;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// `digits` decimal digits at `at`; -1 when one is not a digit.
int Digits(std::string_view text, size_t at, size_t digits) {
  int value = 0;
  for (size_t i = at; i < at + digits; ++i) {
    if (!IsDigit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::optional<int64_t> TakeCivilTime(std::string_view& text, char separator) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || text[10] != separator ||
      text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const int year = Digits(text, 0, 4);
  const int month = Digits(text, 5, 2);
  const int day = Digits(text, 8, 2);
  const int hour = Digits(text, 11, 2);
  const int minute = Digits(text, 14, 2);
  const int second = Digits(text, 17, 2);
  if (year < 0 || month < 0 || day < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // What nanoseconds in 64 bits can say, and no log is older.
  if (!date.ok() || year < 1970 || year > 2261) return std::nullopt;
  text.remove_prefix(19);
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + hour * 3600 + minute * 60 + second;
}

int64_t TakeFraction(std::string_view& text) {
  if (text.size() < 2 || text[0] != '.' || !IsDigit(text[1])) return 0;
  text.remove_prefix(1);
  int64_t nanos = 0;
  int64_t unit = kNanos / 10;
  while (!text.empty() && IsDigit(text[0])) {
    nanos += (text[0] - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
  }
  return nanos;
}

std::optional<int64_t> PostgresTime::TakeLocal(std::string_view& text, bool fraction) {
  std::string_view rest = text;
  const std::optional<int64_t> seconds = TakeCivilTime(rest, ' ');
  if (!seconds) return std::nullopt;
  if (fraction != (rest.size() > 1 && rest[0] == '.')) return std::nullopt;
  const int64_t nanos = TakeFraction(rest);
  if (rest.empty() || rest[0] != ' ') return std::nullopt;
  rest.remove_prefix(1);
  size_t size = 0;  // "CET", "+03", "-0330"
  while (size < rest.size() && size < 10 &&
         (IsDigit(rest[size]) || (rest[size] >= 'A' && rest[size] <= 'Z') ||
          (rest[size] >= 'a' && rest[size] <= 'z') || rest[size] == '+' || rest[size] == '-')) {
    size += 1;
  }
  if (size == 0) return std::nullopt;
  const std::string_view abbreviation = rest.substr(0, size);
  if (abbreviation != abbreviation_) {
    abbreviation_ = abbreviation;
    offset_ = zone_.OffsetOf(abbreviation).value_or(0);
  }
  rest.remove_prefix(size);
  text = rest;
  return (*seconds - offset_) * kNanos + nanos;
}

std::optional<int64_t> PostgresTime::TakeUnix(std::string_view& text) {
  int64_t seconds = 0;
  size_t size = 0;
  while (size < text.size() && size < 11 && IsDigit(text[size])) {
    seconds = seconds * 10 + (text[size] - '0');
    size += 1;
  }
  if (size == 0 || size > 10 || size == text.size() || text[size] != '.') return std::nullopt;
  std::string_view rest = text.substr(size);
  const size_t before = rest.size();
  const int64_t nanos = TakeFraction(rest);
  if (rest.size() == before) return std::nullopt;
  text = rest;
  return seconds * kNanos + nanos;
}

}  // namespace agent::logs
