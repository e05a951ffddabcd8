#include "shared/config/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string_view>

namespace shared::config {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, TakesEachUnitAndTheirSums) {
  const auto expect = [](std::string_view text, std::chrono::nanoseconds expected) {
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, expected) << text;
  };
  expect("0s", 0s);
  expect("7ns", 7ns);
  expect("8us", 8us);
  expect("500ms", 500ms);
  expect("10s", 10s);
  expect("90s", 90s);
  expect("1m30s", 90s);
  expect("2h", 2h);
  expect("1d2h3m4s5ms", 26h + 3min + 4s + 5ms);
  expect("106751d", 24h * 106751);
}

TEST(ParseDuration, SaysWhatIsWrong) {
  const auto expect = [](std::string_view text, std::string_view message) {
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message) << text;
  };
  expect("", "it is empty");
  expect("10", "the unit is missing");
  expect("1m30", "the unit is missing");
  expect("s", "a whole number must stand before each unit");
  expect("-1s", "it is negative");
  expect("1.5s", "it has a fraction; use a smaller unit");
  expect("1 s", "there is white space in it");
  expect("1S", "there is no unit 'S'");
  expect("1s1m", "the larger unit must come first, each once");
  expect("1s1s", "the larger unit must come first, each once");
  expect("106752d", "it is too long (at most 292 years)");
  expect("99999999999999999999s", "it is too long (at most 292 years)");
}

TEST(FormatDuration, IsReadBackAsTheSame) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(90s), "1m30s");
  EXPECT_EQ(FormatDuration(1500ms), "1s500ms");
  EXPECT_EQ(FormatDuration(24h), "1d");
  EXPECT_EQ(FormatDuration(-90s), "-1m30s");
  constexpr uint64_t kSeed = 20261121;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 1000; ++i) {
    const std::chrono::nanoseconds duration(static_cast<int64_t>(random() >> (1 + i % 62)));
    const Result<std::chrono::nanoseconds> parsed = ParseDuration(FormatDuration(duration));
    ASSERT_TRUE(parsed) << duration.count() << " seed " << kSeed;
    EXPECT_EQ(*parsed, duration) << "seed " << kSeed;
  }
}

TEST(ParseBytes, TakesUnitsOf1024And1000) {
  const auto expect = [](std::string_view text, uint64_t expected) {
    const Result<uint64_t> parsed = ParseBytes(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, expected) << text;
  };
  expect("0B", 0);
  expect("255B", 255);
  expect("4KiB", 4096);
  expect("64MiB", 67'108'864);
  expect("1GiB", 1'073'741'824);
  expect("2TiB", 2'199'023'255'552);
  expect("1kB", 1000);
  expect("1KB", 1000);
  expect("2MB", 2'000'000);
  expect("3GB", 3'000'000'000);
  expect("4TB", 4'000'000'000'000);
  expect("18446744073709551615B", std::numeric_limits<uint64_t>::max());
}

TEST(ParseBytes, SaysWhatIsWrong) {
  const auto expect = [](std::string_view text, std::string_view message) {
    const Result<uint64_t> parsed = ParseBytes(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message) << text;
  };
  expect("", "it is empty");
  expect("64", "the unit is missing");
  expect("MiB", "a whole number must stand before the unit");
  expect("-1MiB", "it is negative");
  expect("1.5GiB", "it has a fraction; use a smaller unit");
  expect("64 MiB", "there is white space in it");
  expect("64mib", "there is no unit 'mib'");
  expect("64MiB1B", "there is no unit 'MiB1B'");
  expect("16777216TiB", "it is too large");
  expect("99999999999999999999B", "it is too large");
}

TEST(FormatBytes, IsReadBackAsTheSame) {
  EXPECT_EQ(FormatBytes(0), "0B");
  EXPECT_EQ(FormatBytes(67'108'864), "64MiB");
  EXPECT_EQ(FormatBytes(1536), "1536B");
  EXPECT_EQ(FormatBytes(3 * 1024), "3KiB");
  constexpr uint64_t kSeed = 20261122;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t bytes = (random() >> (i % 64)) << (i % 7 * 10);
    const Result<uint64_t> parsed = ParseBytes(FormatBytes(bytes));
    ASSERT_TRUE(parsed) << bytes << " seed " << kSeed;
    EXPECT_EQ(*parsed, bytes) << "seed " << kSeed;
  }
}

}  // namespace
}  // namespace shared::config
