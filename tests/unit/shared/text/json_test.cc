#include "shared/text/json.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace shared::text {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

std::string Number(double value) {
  std::string out;
  AppendJsonNumber(value, out);
  return out;
}

TEST(AppendJsonString, EscapesWhatJsonDemands) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(Quoted("\n\r\t\b\f\x1f\x7f"), R"("\n\r\t\u0008\u000c\u001f\u007f")");
  EXPECT_EQ(Quoted("üñ€😀"), "\"üñ€😀\"");
}

TEST(AppendJsonString, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(Quoted("a\xff\"b"), "\"a\xef\xbf\xbd\\\"b\"");
  EXPECT_EQ(Quoted(std::string_view("a\0b", 3)), "\"a\xef\xbf\xbd\x62\"");
}

TEST(AppendJsonString, AppendsToWhatIsThere) {
  std::string out = "{";
  AppendJsonString("k", out);
  EXPECT_EQ(out, "{\"k\"");
}

TEST(AppendJsonNumber, WritesTheShortestThatReadsBack) {
  EXPECT_EQ(Number(0), "0");
  EXPECT_EQ(Number(-0.0), "-0");
  EXPECT_EQ(Number(1.5), "1.5");
  EXPECT_EQ(Number(0.1), "0.1");
  EXPECT_EQ(Number(1e300), "1e+300");
  constexpr uint64_t kSeed = 20261123;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const std::string text = Number(value);
    double back = 0;
    std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(std::memcmp(&back, &value, sizeof value), 0) << text << " seed " << kSeed;
  }
}

TEST(AppendJsonNumber, WritesWhatJsonHasNotAsPrometheusDoes) {
  EXPECT_EQ(Number(std::numeric_limits<double>::quiet_NaN()), "\"NaN\"");
  EXPECT_EQ(Number(std::numeric_limits<double>::infinity()), "\"+Inf\"");
  EXPECT_EQ(Number(-std::numeric_limits<double>::infinity()), "\"-Inf\"");
}

}  // namespace
}  // namespace shared::text
