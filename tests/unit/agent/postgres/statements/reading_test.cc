#include "agent/postgres/statements/reading.h"

#include <gtest/gtest.h>

#include <string>

namespace agent::postgres::statements {
namespace {

// A row of extension 1.8: the numbers of its 26 columns.
std::string Row8(std::string_view key, std::string_view calls = "7") {
  std::string row = "(" + std::string(key) + ",,";
  row += calls;
  row += ",3,1.5,0.25,1,0.5,0.125";  // rows, total, min, max, mean, stddev
  for (int i = 0; i < 2 + 10 + 2 + 3; ++i) row += ",0";
  return row + ")";
}

TEST(Reading, TakesRowsAsTheServerSendsThem) {
  Reading reading(8, {});
  ASSERT_TRUE(reading.AddRow(Row8("16384,10,-42,t")));
  ASSERT_TRUE(reading.AddRow(Row8("5,10,42,t", "18446744073709551615")));
  reading.Finish();
  ASSERT_EQ(reading.size(), 2u);
  EXPECT_EQ(reading.key(0), (Key{5, 10, 42, true}));  // in key order
  EXPECT_EQ(reading.counters(0).calls, 18446744073709551615u);
  EXPECT_EQ(reading.key(1), (Key{16384, 10, -42, true}));
  EXPECT_EQ(reading.counters(1).calls, 7u);
  EXPECT_EQ(reading.counters(1).rows, 3u);
  EXPECT_EQ(reading.counters(1).total_exec_time, 1.5);
  EXPECT_EQ(reading.counters(1).stddev_exec_time, 0.125);
  EXPECT_EQ(reading.counters(1).plans, 0u);
  EXPECT_EQ(reading.stats_since(1), shared::WallTime());
}

TEST(Reading, GivesBackEveryCounter) {
  Counters counters;
  uint64_t number = 0;
  for (const Column& column : Columns()) {
    if (++number % 3 == 0) continue;  // with gaps
    if (column.count != nullptr) {
      counters.*column.count = number;
    } else {
      counters.*column.real = static_cast<double>(number) / 8;
    }
  }
  Reading reading(11, {});
  const shared::WallTime since = shared::FromUnixNanos(1'795'251'597'188'842'000);
  reading.Add({.dbid = 2}, since, counters);
  reading.Add({.dbid = 1, .toplevel = false}, {}, Counters());
  reading.Finish();
  EXPECT_EQ(reading.counters(1), counters);
  EXPECT_EQ(reading.stats_since(1), since);
  EXPECT_TRUE(reading.key(1).toplevel);
  EXPECT_EQ(reading.counters(0), Counters());
  EXPECT_FALSE(reading.key(0).toplevel);
}

TEST(Reading, CountsRowsThatTheRoleMayNotSee) {
  Reading reading(8, {});
  ASSERT_TRUE(reading.AddRow(Row8("5,10,,t")));
  reading.Finish();
  EXPECT_EQ(reading.size(), 0u);
  EXPECT_EQ(reading.hidden(), 1u);
}

TEST(Reading, MakesOneOfEntriesThatTheExtensionCannotTellApart) {
  Reading reading(8, {});
  ASSERT_TRUE(reading.AddRow(Row8("5,10,42,t", "7")));
  ASSERT_TRUE(reading.AddRow(Row8("5,10,41,t", "1")));
  ASSERT_TRUE(reading.AddRow(Row8("5,10,42,t", "3")));
  reading.Finish();
  ASSERT_EQ(reading.size(), 2u);
  EXPECT_FALSE(reading.merged(0));
  EXPECT_TRUE(reading.merged(1));
  EXPECT_EQ(reading.counters(1).calls, 10u);
  EXPECT_EQ(reading.counters(1).total_exec_time, 3.0);
  EXPECT_EQ(reading.counters(1).max_exec_time, 1.0);
}

TEST(Reading, SaysWhatIsWrongWithARow) {
  const auto expect_error = [](std::string_view row, std::string_view message) {
    Reading reading(8, {});
    const shared::Result<void> added = reading.AddRow(row);
    ASSERT_FALSE(added) << row;
    EXPECT_EQ(added.error().message, message);
  };
  expect_error("", "row : no dbid, userid and toplevel");
  expect_error("1,2,3", "row 1,2,3: no dbid, userid and toplevel");
  expect_error("(1,2,3)", "row (1,2,3): no dbid, userid and toplevel");
  expect_error("(1,2,x,t)", "row (1,2,x,t): queryid is no number");
  expect_error("(1,2,3,t,)", "row (1,2,3,t,): calls is no number");
  expect_error("(1,2,3,t,,-1)", "row (1,2,3,t,,-1): calls is no number");
  const std::string longer = Row8("1,2,3,t").insert(Row8("1,2,3,t").size() - 1, ",1");
  expect_error(longer, "row " + longer + ": too many columns");
}

TEST(Reading, CostsLittleForFiveThousandEntries) {
  Reading reading(11, {});
  reading.Reserve(5'000);
  Counters counters{.calls = 1,
                    .rows = 1,
                    .total_exec_time = 1,
                    .min_exec_time = 1,
                    .max_exec_time = 1,
                    .mean_exec_time = 1,
                    .stddev_exec_time = 1,
                    .shared_blks_hit = 1,
                    .shared_blks_read = 1,
                    .shared_blks_dirtied = 1,
                    .wal_records = 1,
                    .wal_bytes = 1};
  for (int64_t i = 0; i < 5'000; ++i) {
    reading.Add({.queryid = i}, shared::FromUnixNanos(1), counters);
  }
  reading.Finish();
  EXPECT_LE(reading.memory_bytes(), 700'000u);
}

}  // namespace
}  // namespace agent::postgres::statements
