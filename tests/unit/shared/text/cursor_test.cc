#include "shared/text/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace shared::text {
namespace {

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> out;
  for (LineCursor lines(text); lines.Next();) out.emplace_back(lines.line());
  return out;
}

TEST(LineCursor, CountsALastLineWithoutLineBreak) {
  using testing::ElementsAre;
  EXPECT_THAT(LinesOf(""), ElementsAre());
  EXPECT_THAT(LinesOf("a"), ElementsAre("a"));
  EXPECT_THAT(LinesOf("a\n"), ElementsAre("a"));
  EXPECT_THAT(LinesOf("a\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(LinesOf("\n\na\n"), ElementsAre("", "", "a"));
}

TEST(LineCursor, NumbersFromOne) {
  LineCursor lines("a\n\nb");
  EXPECT_EQ(lines.number(), 0u);
  lines.Next();
  EXPECT_EQ(lines.number(), 1u);
  lines.Next();
  lines.Next();
  EXPECT_EQ(lines.number(), 3u);
  EXPECT_EQ(lines.line(), "b");
  EXPECT_FALSE(lines.Next());
}

TEST(ParseNumber, TakesWhatFillsTheWholeText) {
  EXPECT_EQ(ParseNumber<int>("-12"), -12);
  EXPECT_EQ(ParseNumber<uint64_t>("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(ParseNumber<double>("1.5e3"), 1500.0);
  EXPECT_EQ(ParseNumber<uint32_t>("0100007F", 16), 0x0100007Fu);
  for (const std::string_view text :
       {"", " 1", "1 ", "+1", "1x", "0x1", "1,5", "99999999999999999999"}) {
    EXPECT_EQ(ParseNumber<int64_t>(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseNumber<uint8_t>("256"), std::nullopt);
  EXPECT_EQ(ParseNumber<unsigned>("-1"), std::nullopt);
  EXPECT_EQ(ParseNumber<int>("12", 2), std::nullopt);
}

TEST(FieldCursor, SplitsAtSpacesAndTabs) {
  FieldCursor fields("  cpu0 \t 12  x ");
  EXPECT_EQ(fields.Take(), "cpu0");
  EXPECT_EQ(fields.TakeNumber<int>(), 12);
  EXPECT_FALSE(fields.AtEnd());
  EXPECT_EQ(fields.rest(), "x ");
  EXPECT_EQ(fields.TakeNumber<int>(), std::nullopt);
  EXPECT_TRUE(fields.AtEnd());
  EXPECT_EQ(fields.Take(), "");
  EXPECT_EQ(fields.TakeNumber<int>(), std::nullopt);
}

TEST(FieldCursor, TakesUpToASeparator) {
  FieldCursor fields("MemTotal:   42 kB");
  EXPECT_EQ(fields.TakeUntil(':'), "MemTotal");
  EXPECT_EQ(fields.TakeNumber<uint64_t>(), 42u);
  EXPECT_EQ(fields.TakeUntil(':'), "kB");
  EXPECT_TRUE(fields.AtEnd());
}

TEST(FieldCursor, SkipsOnlyWhatIsThere) {
  FieldCursor fields("a b c");
  EXPECT_TRUE(fields.Skip(2));
  EXPECT_EQ(fields.rest(), "c");
  EXPECT_FALSE(fields.Skip(2));
}

}  // namespace
}  // namespace shared::text
