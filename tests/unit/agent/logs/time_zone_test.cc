#include "agent/logs/time_zone.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "shared/base/file.h"

namespace {

using agent::logs::TimeZone;
constexpr int64_t kSummer2026 = 1'785'585'600;  // 2026-08-01T12:00:00Z
constexpr int64_t kWinter2040 = 2'211'494'400;  // 2040-01-30T00:00:00Z

TimeZone Berlin() {
  return *TimeZone::Load("Europe/Berlin");
}

TEST(TimeZone, KnowsWhatTheZonesOwnAbbreviationsMean) {
  EXPECT_EQ(Berlin().OffsetOf("CET"), 3600);
  EXPECT_EQ(Berlin().OffsetOf("CEST"), 7200);
  EXPECT_EQ(TimeZone::Load("Asia/Kolkata")->OffsetOf("IST"), 19800);
  EXPECT_EQ(TimeZone::Load("Europe/Dublin")->OffsetOf("IST"), 3600);
  EXPECT_EQ(TimeZone::Load("America/Sao_Paulo")->OffsetOf("-03"), -10800);
}

TEST(TimeZone, KnowsNumbersAndWellKnownNamesInAnyZone) {
  EXPECT_EQ(TimeZone().OffsetOf("+0530"), 19800);
  EXPECT_EQ(TimeZone().OffsetOf("-03"), -10800);
  EXPECT_EQ(TimeZone().OffsetOf("UTC"), 0);
  EXPECT_EQ(TimeZone().OffsetOf("JST"), 32400);
  EXPECT_EQ(TimeZone().OffsetOf("IST"), std::nullopt);
  EXPECT_EQ(TimeZone().OffsetOf("+5"), std::nullopt);
}

TEST(TimeZone, FollowsTheFooterBeyondTheLastTransition) {
  EXPECT_EQ(Berlin().OffsetAt(kSummer2026), 7200);
  EXPECT_EQ(Berlin().OffsetAt(kWinter2040), 3600);
  EXPECT_EQ(TimeZone::Load("CET-1CEST,M3.5.0,M10.5.0/3")->OffsetAt(kSummer2026), 7200);
  EXPECT_EQ(TimeZone::Load("<+03>-03")->OffsetAt(kSummer2026), 10800);
  EXPECT_EQ(TimeZone::Load("Australia/Sydney")->OffsetAt(kWinter2040), 39600);
}

TEST(TimeZone, AgreesWithTheCLibraryFrom1971To2060) {
  std::mt19937_64 random(7);
  for (const char* name :
       {"Europe/Berlin", "America/New_York", "Asia/Tehran", "Australia/Lord_Howe"}) {
    const TimeZone zone = *TimeZone::Load(name);
    ::setenv("TZ", name, 1);
    ::tzset();
    for (int i = 0; i < 5000; ++i) {
      const auto utc = static_cast<int64_t>(31'536'000 + random() % 2'840'000'000);
      const std::time_t seconds = utc;
      std::tm local{};
      ::localtime_r(&seconds, &local);
      ASSERT_EQ(zone.OffsetAt(utc), local.tm_gmtoff) << name << " at " << utc;
      const int64_t back = zone.ToUtc(utc + local.tm_gmtoff);
      ASSERT_EQ(back + zone.OffsetAt(back), utc + local.tm_gmtoff) << name << " at " << utc;
    }
    ::unsetenv("TZ");
    ::tzset();
  }
}

TEST(TimeZone, TakesTheFirstOfAnHourThatHappensTwice) {
  // 2026-10-25 02:30 in Berlin: 00:30Z in summer time, 01:30Z in winter time.
  EXPECT_EQ(Berlin().ToUtc(1'792'895'400), 1'792'895'400 - 7200);
}

TEST(TimeZone, RefusesWhatIsNoZone) {
  const auto expect_error = [](const shared::Result<TimeZone>& zone, std::string_view message) {
    ASSERT_FALSE(zone);
    EXPECT_EQ(zone.error().message, message);
  };
  expect_error(TimeZone::Parse("nonsense"), "not a TZif file");
  expect_error(TimeZone::Load("../etc/passwd"),
               "time zone '../etc/passwd': no file below /usr/share/zoneinfo, and no POSIX string");
}

TEST(TimeZone, SurvivesEveryTruncationOfAFile) {
  const std::string file = *shared::ReadFile("/usr/share/zoneinfo/Europe/Berlin");
  for (size_t size = 0; size < file.size(); ++size) {
    const shared::Result<TimeZone> zone = TimeZone::Parse(std::string_view(file).substr(0, size));
    // Only the footer is missing.
    if (zone) {
      EXPECT_LE(zone->OffsetAt(kSummer2026), 7200);
    }
  }
}

}  // namespace
