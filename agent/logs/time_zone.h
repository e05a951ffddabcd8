#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace agent::logs {

// One time zone of the IANA database, read from its TZif file (RFC 8536, versions 1 to 4), without
// touching the process' TZ. Log lines carry local time: PostgreSQL's with the zone's abbreviation
// ("2026-11-21 09:53:53.190 CET"), traditional syslog's without anything.
//
// Copyable, immutable: thread-safe.
class TimeZone {
 public:
  // UTC: also what a default-constructed zone is.
  TimeZone() = default;

  // kMalformed: not a TZif file. A footer that is not understood is ignored: the last type of the
  // file then holds for ever.
  static shared::Result<TimeZone> Parse(std::string_view tzif);

  // `name` as PostgreSQL's log_timezone has it: "Europe/Berlin", "Etc/UTC", "GMT", or a POSIX
  // string
  // ("<+03>-03", "CET-1CEST,M3.5.0,M10.5.0/3"). kInvalidInput: neither a file below `root` nor
  // POSIX.
  static shared::Result<TimeZone> Load(std::string_view name,
                                       const std::string& root = "/usr/share/zoneinfo");

  // Seconds east of UTC that `abbreviation` means in this zone: "+03" and "-0330" mean themselves;
  // "UTC", "GMT" and "Z" are 0; a name that the zone uses has the zone's latest meaning; then a
  // small table of well-known names without a second meaning ("CET", "EDT", "JST" …). nullopt:
  // unknown.
  [[nodiscard]] std::optional<int32_t> OffsetOf(std::string_view abbreviation) const;

  // Seconds since 1970 UTC of a local time given as if it were UTC. Of the hour that happens twice,
  // the first; a time that does not happen is taken with the offset before the jump.
  [[nodiscard]] int64_t ToUtc(int64_t local_seconds) const;

  // Seconds east of UTC in force at `utc_seconds`.
  [[nodiscard]] int32_t OffsetAt(int64_t utc_seconds) const;

 private:
  struct Type {
    int32_t offset;
    std::string abbreviation;
  };
  struct Transition {
    int64_t utc_seconds;
    uint8_t type;
  };
  // A day of each year and a second in it: "M3.5.0/2" (month, week, weekday), "J60", "59".
  struct YearlyRule {
    enum class Kind { kMonthWeekDay, kJulianNoLeap, kZeroBased } kind = Kind::kMonthWeekDay;
    int month = 0;
    int week = 0;
    int day = 0;
    int32_t second = 7200;
  };
  // The POSIX TZ string of the footer, for times after the last transition.
  struct Footer {
    Type standard;
    std::optional<Type> summer;
    YearlyRule start;
    YearlyRule end;
  };

  static std::optional<Footer> ParseFooter(std::string_view text);
  static int64_t LocalSecondOf(const YearlyRule& rule, int year);
  [[nodiscard]] int32_t FooterOffsetAt(int64_t utc_seconds) const;

  std::vector<Type> types_;
  std::vector<Transition> transitions_;  // ascending
  std::optional<Footer> footer_;
};

}  // namespace agent::logs
