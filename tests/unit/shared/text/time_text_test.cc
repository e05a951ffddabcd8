#include "shared/text/time_text.h"

#include <gtest/gtest.h>

namespace {

using shared::FromUnixNanos;
using shared::text::FormatTime;
using shared::text::ParseDuration;
using shared::text::ParseTime;

constexpr int64_t kNow = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z

std::string Parsed(std::string_view text) {
  const auto time = ParseTime(text, FromUnixNanos(kNow));
  return time ? FormatTime(*time) : "nothing";
}

TEST(ParseTime, ReadsWhatPeopleWrite) {
  EXPECT_EQ(Parsed("2026-11-21T08:00:00Z"), "2026-11-21T08:00:00.000000Z");
  EXPECT_EQ(Parsed("2026-11-21 08:00:00.25Z"), "2026-11-21T08:00:00.250000Z");
  EXPECT_EQ(Parsed("2026-11-21T08:00:00.123456789+01:30"), "2026-11-21T06:30:00.123456Z");
  EXPECT_EQ(Parsed("2024-02-29T23:59:59-05:00"), "2024-03-01T04:59:59.000000Z");
  EXPECT_EQ(Parsed("1763712000"), "2025-11-21T08:00:00.000000Z");
  EXPECT_EQ(Parsed("1763712000.5"), "2025-11-21T08:00:00.500000Z");
  EXPECT_EQ(Parsed("now"), "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(Parsed("now-1h30m"), "2025-12-31T22:30:00.000000Z");
  EXPECT_EQ(Parsed("now+5m"), "2026-01-01T00:05:00.000000Z");
  EXPECT_EQ(Parsed("now 5m"), "2026-01-01T00:05:00.000000Z");
}

TEST(ParseTime, TakesNothingElse) {
  for (const std::string_view text :
       {"", "yesterday", "2026-02-29T00:00:00Z", "2026-11-21", "2026-11-21T08:00:00", "-5",
        "2026-11-21T24:00:00Z", "2026-11-21T08:00:00+25:00", "2026-11-21T08:00:00.Z", "1.2.3",
        "99999999999999", "now-", "now1h", "now-1h2", "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z", "2026-11-21T08:00:00Zjunk"}) {
    EXPECT_EQ(Parsed(text), "nothing") << text;
  }
}

TEST(ParseDuration, AddsItsUnits) {
  const auto milliseconds = [](std::string_view text) {
    const auto duration = ParseDuration(text);
    return duration ? duration->count() : -1;
  };
  EXPECT_EQ(milliseconds("500ms"), 500);
  EXPECT_EQ(milliseconds("1h30m"), 5'400'000);
  EXPECT_EQ(milliseconds("7d"), 604'800'000);
  EXPECT_EQ(milliseconds("1m5s20ms"), 65'020);
  for (const std::string_view text : {"", "5", "0s", "h", "1s1m", "1m1m", "-5m", "1.5h",
                                      "99999999999999999999s", "1000000d", "5 m"}) {
    EXPECT_EQ(milliseconds(text), -1) << text;
  }
}

}  // namespace
