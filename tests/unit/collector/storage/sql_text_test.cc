#include "collector/storage/sql_text.h"

#include <gtest/gtest.h>

namespace collector::storage {
namespace {

using shared::FromUnixNanos;

TEST(FormatTimestamp, RoundsDownAndUp) {
  const shared::WallTime time = FromUnixNanos(1'767'225'600'123'456'789);
  EXPECT_EQ(FormatTimestamp(time), "2026-01-01 00:00:00.123456+00");
  EXPECT_EQ(FormatTimestampUp(time), "2026-01-01 00:00:00.123457+00");
  const shared::WallTime exact = FromUnixNanos(1'767'225'600'123'456'000);
  EXPECT_EQ(FormatTimestampUp(exact), "2026-01-01 00:00:00.123456+00");
  EXPECT_EQ(FormatTimestamp(FromUnixNanos(-1)), "1969-12-31 23:59:59.999999+00");
}

TEST(ArrayText, QuotesWhatArraysTreatSpecially) {
  ArrayText array;
  array.Add(std::string_view(R"(a "b" \c, {d})"));
  array.Add(std::string_view("NULL"));
  array.AddNull();
  array.Add(std::string_view(""));
  EXPECT_EQ(array.Take(), R"({"a \"b\" \\c, {d}","NULL",NULL,""})");
  array.Add(int64_t{-1});
  array.Add(int64_t{2});
  EXPECT_EQ(array.Take(), "{-1,2}");
  EXPECT_EQ(array.Take(), "{}");
}

TEST(ArrayText, CleansWhatPostgresqlRefuses) {
  ArrayText array;
  array.Add(std::string_view("a\0b\xff", 4));
  EXPECT_EQ(array.Take(), "{\"a\uFFFDb\uFFFD\"}");
}

TEST(LabelsJson, GoesThereAndBack) {
  const shared::model::Labels labels{{"a", "1"}, {"device.name", "sda \"x\"\n"}, {"ü", "→"}};
  EXPECT_EQ(ParseLabelsJson(LabelsJson(labels)), labels);
}

TEST(LabelsJson, HoldsNoNul) {
  EXPECT_EQ(LabelsJson({{"a", std::string("\0", 1)}}), "{\"a\":\"\uFFFD\"}");
}

TEST(ParseLabelsJson, SortsByNameAndSkipsWhatIsNoText) {
  EXPECT_EQ(ParseLabelsJson(R"({"b": "2", "n": 5, "aa": "1"})"),
            (shared::model::Labels{{"aa", "1"}, {"b", "2"}}));
  EXPECT_TRUE(ParseLabelsJson("[]").empty());
  EXPECT_TRUE(ParseLabelsJson("").empty());
  EXPECT_TRUE(ParseLabelsJson("{\"a\"").empty());
}

TEST(FromByteaText, ReadsHexadecimal) {
  EXPECT_EQ(FromByteaText("\\x00ff41"), std::string("\0\xff"
                                                    "A",
                                                    3));
  EXPECT_EQ(FromByteaText("\\x"), "");
  EXPECT_EQ(FromByteaText("abc"), "");
}

}  // namespace
}  // namespace collector::storage
