#include "agent/logs/time_zone.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace agent::logs {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr int64_t kDay = 86400;

// Names that mean one offset wherever they are used in logs. "IST", "CST" and "BST" are not here:
// each has several meanings, and only the zone itself can tell which.
constexpr std::pair<std::string_view, int32_t> kWellKnown[] = {
    {"UTC", 0},      {"GMT", 0},      {"UCT", 0},      {"Z", 0},        {"WET", 0},
    {"WEST", 3600},  {"CET", 3600},   {"CEST", 7200},  {"EET", 7200},   {"EEST", 10800},
    {"MSK", 10800},  {"JST", 32400},  {"KST", 32400},  {"AEST", 36000}, {"AEDT", 39600},
    {"EST", -18000}, {"EDT", -14400}, {"MST", -25200}, {"MDT", -21600}, {"PST", -28800},
    {"PDT", -25200}, {"CDT", -18000}, {"NZST", 43200}, {"NZDT", 46800}};

// Big-endian fields of a TZif file; `ok` turns false at the first that is not there.
class BigEndian {
 public:
  explicit BigEndian(std::string_view bytes) : bytes_(bytes) {}
  int64_t Take(size_t width) {
    if (bytes_.size() < width) {
      ok_ = false;
      return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value = (value << 8) | static_cast<uint8_t>(bytes_[i]);
    bytes_.remove_prefix(width);
    return width == 4 ? static_cast<int32_t>(static_cast<uint32_t>(value))
                      : static_cast<int64_t>(value);
  }
  std::string_view TakeBytes(size_t count) {
    if (bytes_.size() < count) {
      ok_ = false;
      return {};
    }
    const std::string_view out = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return out;
  }
  [[nodiscard]] std::string_view rest() const { return bytes_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

struct Header {
  char version = 0;
  size_t isut = 0, isstd = 0, leap = 0, times = 0, types = 0, chars = 0;
};

std::optional<Header> TakeHeader(BigEndian& in) {
  if (in.TakeBytes(4) != "TZif") return std::nullopt;
  const std::string_view version = in.TakeBytes(16);
  if (!in.ok()) return std::nullopt;
  Header out;
  out.version = version[0];
  for (size_t* count : {&out.isut, &out.isstd, &out.leap, &out.times, &out.types, &out.chars}) {
    const int64_t value = in.Take(4);
    if (!in.ok() || value < 0 || value > 65536) return std::nullopt;
    *count = static_cast<size_t>(value);
  }
  return out;
}

size_t BodySize(const Header& header, size_t width) {
  return header.times * (width + 1) + header.types * 6 + header.chars + header.leap * (width + 4) +
         header.isstd + header.isut;
}

bool TakeDigits(std::string_view& text, int& value) {
  size_t digits = 0;
  value = 0;
  while (digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + (text[digits] - '0');
    digits += 1;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

bool TakeChar(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// "CET", or "<+03>".
bool TakeZoneName(std::string_view& text, std::string& name) {
  size_t size = 0;
  if (TakeChar(text, '<')) {
    size = text.find('>');
    if (size == std::string_view::npos) return false;
    name = text.substr(0, size);
    text.remove_prefix(size + 1);
  } else {
    while (size < text.size() &&
           ((text[size] >= 'A' && text[size] <= 'Z') || (text[size] >= 'a' && text[size] <= 'z'))) {
      size += 1;
    }
    name = text.substr(0, size);
    text.remove_prefix(size);
  }
  return !name.empty();
}

// "2", "-3:30", "26:00:00".
bool TakeTime(std::string_view& text, int32_t& seconds) {
  const bool negative = TakeChar(text, '-');
  if (!negative) TakeChar(text, '+');
  int hours = 0;
  int minutes = 0;
  int rest = 0;
  if (!TakeDigits(text, hours) || hours > 167) return false;
  if (TakeChar(text, ':') && (!TakeDigits(text, minutes) || minutes > 59)) return false;
  if (TakeChar(text, ':') && (!TakeDigits(text, rest) || rest > 59)) return false;
  seconds = hours * 3600 + minutes * 60 + rest;
  if (negative) seconds = -seconds;
  return true;
}

std::optional<int32_t> NumericOffset(std::string_view text) {
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const bool negative = text[0] == '-';
  std::string digits;
  for (const char c : text.substr(1)) {
    if (c == ':') continue;
    if (c < '0' || c > '9') return std::nullopt;
    digits.push_back(c);
  }
  if (digits.size() != 2 && digits.size() != 4) return std::nullopt;
  const int hours = (digits[0] - '0') * 10 + (digits[1] - '0');
  const int minutes = digits.size() == 4 ? (digits[2] - '0') * 10 + (digits[3] - '0') : 0;
  const int32_t seconds = hours * 3600 + minutes * 60;
  return negative ? -seconds : seconds;
}

int YearOf(int64_t seconds) {
  const int64_t days = seconds >= 0 ? seconds / kDay : -((-seconds + kDay - 1) / kDay);
  const auto date = std::chrono::year_month_day(
      std::chrono::sys_days(std::chrono::days(std::clamp<int64_t>(days, -700000, 11000000))));
  return static_cast<int>(date.year());
}

}  // namespace

std::optional<TimeZone::Footer> TimeZone::ParseFooter(std::string_view text) {
  const auto take_rule = [](std::string_view& rest, YearlyRule& rule) {
    if (!TakeChar(rest, ',')) return false;
    if (TakeChar(rest, 'M')) {
      if (!TakeDigits(rest, rule.month) || !TakeChar(rest, '.') || !TakeDigits(rest, rule.week) ||
          !TakeChar(rest, '.') || !TakeDigits(rest, rule.day)) {
        return false;
      }
      if (rule.month < 1 || rule.month > 12 || rule.week < 1 || rule.week > 5 || rule.day > 6) {
        return false;
      }
    } else {
      rule.kind =
          TakeChar(rest, 'J') ? YearlyRule::Kind::kJulianNoLeap : YearlyRule::Kind::kZeroBased;
      if (!TakeDigits(rest, rule.day) || rule.day > 365) return false;
    }
    return !TakeChar(rest, '/') || TakeTime(rest, rule.second);
  };
  Footer out;
  int32_t west = 0;
  if (!TakeZoneName(text, out.standard.abbreviation) || !TakeTime(text, west)) return std::nullopt;
  out.standard.offset = -west;
  if (text.empty()) return out;
  out.summer.emplace();
  if (!TakeZoneName(text, out.summer->abbreviation)) return std::nullopt;
  out.summer->offset = out.standard.offset + 3600;
  if (!text.empty() && text.front() != ',') {
    if (!TakeTime(text, west)) return std::nullopt;
    out.summer->offset = -west;
  }
  if (!take_rule(text, out.start) || !take_rule(text, out.end) || !text.empty()) {
    return std::nullopt;
  }
  return out;
}

Result<TimeZone> TimeZone::Parse(std::string_view tzif) {
  BigEndian in(tzif);
  std::optional<Header> header = TakeHeader(in);
  if (!header) return Fail(ErrorCode::kMalformed, "not a TZif file");
  size_t width = 4;
  if (header->version >= '2') {
    in.TakeBytes(BodySize(*header, 4));
    header = TakeHeader(in);
    if (!header) return Fail(ErrorCode::kMalformed, "TZif: the second header is missing");
    width = 8;
  }
  TimeZone zone;
  for (size_t i = 0; i < header->times; ++i) zone.transitions_.push_back({in.Take(width), 0});
  const std::string_view indices = in.TakeBytes(header->times);
  struct RawType {
    int32_t offset;
    size_t name;
  };
  std::vector<RawType> raw;
  for (size_t i = 0; i < header->types; ++i) {
    const auto offset = static_cast<int32_t>(in.Take(4));
    const std::string_view flags = in.TakeBytes(2);
    if (!in.ok()) return Fail(ErrorCode::kMalformed, "TZif: cut in the types");
    raw.push_back({offset, static_cast<uint8_t>(flags[1])});
  }
  const std::string_view names = in.TakeBytes(header->chars);
  in.TakeBytes(header->leap * (width + 4) + header->isstd + header->isut);
  if (!in.ok()) return Fail(ErrorCode::kMalformed, "TZif: cut");
  for (const RawType& type : raw) {
    const std::string_view name = names.substr(std::min(type.name, names.size()));
    zone.types_.push_back({type.offset, std::string(name.substr(0, name.find('\0')))});
  }
  for (size_t i = 0; i < header->times; ++i) {
    zone.transitions_[i].type = static_cast<uint8_t>(indices[i]);
    if (zone.transitions_[i].type >= zone.types_.size()) {
      return Fail(ErrorCode::kMalformed, "TZif: transition {} names type {} of {}", i,
                  zone.transitions_[i].type, zone.types_.size());
    }
  }
  if (!std::is_sorted(
          zone.transitions_.begin(), zone.transitions_.end(),
          [](const Transition& a, const Transition& b) { return a.utc_seconds < b.utc_seconds; })) {
    return Fail(ErrorCode::kMalformed, "TZif: transitions are not in order");
  }
  std::string_view footer = in.rest();
  if (width == 8 && TakeChar(footer, '\n')) {
    zone.footer_ = ParseFooter(footer.substr(0, footer.find('\n')));
  }
  return zone;
}

Result<TimeZone> TimeZone::Load(std::string_view name, const std::string& root) {
  const bool plain = !name.empty() && name.front() != '/' &&
                     name.find("..") == std::string_view::npos &&
                     name.find('\0') == std::string_view::npos;
  if (plain) {
    const Result<std::string> file =
        shared::ReadFile(fmt::format("{}/{}", root, name), size_t{1} << 20);
    if (file) return Parse(*file);
  }
  TimeZone zone;
  zone.footer_ = ParseFooter(name);
  if (zone.footer_) return zone;
  if (name == "UTC" || name == "GMT" || name == "Etc/UTC") return TimeZone();
  return Fail(ErrorCode::kInvalidInput, "time zone '{}': no file below {}, and no POSIX string",
              name, root);
}

std::optional<int32_t> TimeZone::OffsetOf(std::string_view abbreviation) const {
  if (const std::optional<int32_t> offset = NumericOffset(abbreviation)) return offset;
  if (footer_ && footer_->standard.abbreviation == abbreviation) return footer_->standard.offset;
  if (footer_ && footer_->summer && footer_->summer->abbreviation == abbreviation) {
    return footer_->summer->offset;
  }
  for (size_t i = transitions_.size(); i-- > 0;) {  // the latest meaning first
    const Type& type = types_[transitions_[i].type];
    if (type.abbreviation == abbreviation) return type.offset;
  }
  for (const Type& type : types_) {
    if (type.abbreviation == abbreviation) return type.offset;
  }
  for (const auto& [known, offset] : kWellKnown) {
    if (known == abbreviation) return offset;
  }
  return std::nullopt;
}

int64_t TimeZone::LocalSecondOf(const YearlyRule& rule, int year) {
  using std::chrono::sys_days;
  const std::chrono::year y(year);
  const sys_days first = std::chrono::year_month_day(y, std::chrono::January, std::chrono::day(1));
  sys_days day = first;
  switch (rule.kind) {
    case YearlyRule::Kind::kZeroBased:
      day = first + std::chrono::days(rule.day);
      break;
    case YearlyRule::Kind::kJulianNoLeap:
      day = first + std::chrono::days(rule.day - 1 + (y.is_leap() && rule.day >= 60 ? 1 : 0));
      break;
    case YearlyRule::Kind::kMonthWeekDay: {
      const std::chrono::month month(static_cast<unsigned>(rule.month));
      const std::chrono::weekday weekday(static_cast<unsigned>(rule.day));
      day = rule.week == 5 ? sys_days(std::chrono::year_month_weekday_last(
                                 y, month, std::chrono::weekday_last(weekday)))
                           : sys_days(std::chrono::year_month_weekday(
                                 y, month, weekday[static_cast<unsigned>(rule.week)]));
      break;
    }
  }
  return int64_t{day.time_since_epoch().count()} * kDay + rule.second;
}

int32_t TimeZone::FooterOffsetAt(int64_t utc_seconds) const {
  if (!footer_->summer) return footer_->standard.offset;
  const int year = YearOf(utc_seconds + footer_->standard.offset);
  const int64_t start = LocalSecondOf(footer_->start, year) - footer_->standard.offset;
  const int64_t end = LocalSecondOf(footer_->end, year) - footer_->summer->offset;
  const bool summer = start < end ? utc_seconds >= start && utc_seconds < end
                                  : utc_seconds >= start || utc_seconds < end;
  return summer ? footer_->summer->offset : footer_->standard.offset;
}

int32_t TimeZone::OffsetAt(int64_t utc_seconds) const {
  const auto after = std::upper_bound(
      transitions_.begin(), transitions_.end(), utc_seconds,
      [](int64_t seconds, const Transition& each) { return seconds < each.utc_seconds; });
  if (after == transitions_.end() && footer_) return FooterOffsetAt(utc_seconds);
  if (after != transitions_.begin()) return types_[std::prev(after)->type].offset;
  return types_.empty() ? 0 : types_.front().offset;
}

int64_t TimeZone::ToUtc(int64_t local_seconds) const {
  // The offset in force a day earlier is right unless a change lies between: then the one in force
  // at the guess is, if it maps back to the same local time.
  const int32_t before = OffsetAt(local_seconds - kDay);
  const int64_t guess = local_seconds - before;
  const int32_t there = OffsetAt(guess);
  if (there == before) return guess;
  const int64_t second_guess = local_seconds - there;
  return OffsetAt(second_guess) == there ? second_guess : guess;
}

}  // namespace agent::logs
