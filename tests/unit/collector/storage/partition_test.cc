#include "collector/storage/partition.h"

#include <gtest/gtest.h>

#include <chrono>

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using namespace std::chrono;

shared::WallTime Time(int y, unsigned m, unsigned d, int hour = 0, int minute = 0) {
  return sys_days(year_month_day(year(y), month(m), day(d))) + hours(hour) + minutes(minute);
}

TEST(PartitionOf, NamesTheHour) {
  const Partition partition = PartitionOf(kBlockTable, Time(2026, 11, 21, 8, 59));
  EXPECT_EQ(partition.name, "block_20261121_08");
  EXPECT_EQ(partition.from, Time(2026, 11, 21, 8));
  EXPECT_EQ(partition.to, Time(2026, 11, 21, 9));
}

TEST(PartitionOf, EndsWithTheYear) {
  const Partition hour = PartitionOf(kBlockTable, Time(2026, 12, 31, 23, 59));
  EXPECT_EQ(hour.name, "block_20261231_23");
  EXPECT_EQ(hour.to, Time(2027, 1, 1));
  const Partition day = PartitionOf(kLogEventTable, Time(2026, 12, 31, 23));
  EXPECT_EQ(day.name, "log_event_20261231");
  EXPECT_EQ(day.from, Time(2026, 12, 31));
  EXPECT_EQ(day.to, Time(2027, 1, 1));
}

TEST(PartitionOf, KnowsLeapDays) {
  const Partition day = PartitionOf(kLogBlockTable, Time(2028, 2, 29, 12));
  EXPECT_EQ(day.name, "log_block_20280229");
  EXPECT_EQ(day.to, Time(2028, 3, 1));
}

TEST(PartitionOf, NamesAMonthByItsFirstDay) {
  const Partition month = PartitionOf(kRollup1hTable, Time(2026, 12, 31, 23, 59));
  EXPECT_EQ(month.name, "rollup_1h_20261201");
  EXPECT_EQ(month.from, Time(2026, 12, 1));
  EXPECT_EQ(month.to, Time(2027, 1, 1));
  EXPECT_EQ(PartitionsAhead(kRollup1hTable, Time(2026, 12, 31), 1).back().name,
            "rollup_1h_20270101");
  EXPECT_EQ(PartitionNamed(kRollup1hTable, "rollup_1h_20261201"), month);
  EXPECT_EQ(PartitionNamed(kRollup1hTable, "rollup_1h_20261202"), std::nullopt);
}

TEST(PartitionOf, PutsABoundIntoTheLaterPartition) {
  EXPECT_EQ(PartitionOf(kBlockTable, Time(2026, 1, 1)).name, "block_20260101_00");
  EXPECT_EQ(PartitionOf(kBlockTable, Time(2026, 1, 1) - nanoseconds(1)).name, "block_20251231_23");
}

TEST(PartitionOf, RoundsDownBefore1970) {
  EXPECT_EQ(PartitionOf(kLogEventTable, Time(1969, 12, 31, 1)).name, "log_event_19691231");
}

TEST(PartitionNamed, ReadsWhatPartitionOfWrites) {
  for (const PartitionedTable& table : kPartitionedTables) {
    const Partition partition = PartitionOf(table, Time(2028, 2, 29, 8));
    EXPECT_EQ(PartitionNamed(table, partition.name), partition) << partition.name;
  }
}

TEST(PartitionNamed, KnowsNoOtherNames) {
  for (const char* name :
       {"", "block", "block_", "block_20261121", "block_20261121_8", "block_20261121_24",
        "block_20261121_-1", "block_20261131_08", "block_20261121_08x", "block_2026112x_08",
        "block_20261121-08", "blocks_20261121_08", "log_event_20261121"}) {
    EXPECT_FALSE(PartitionNamed(kBlockTable, name)) << name;
  }
  EXPECT_FALSE(PartitionNamed(kLogEventTable, "log_event_20261121_08"));
}

TEST(PartitionsAhead, FollowWithoutAGap) {
  const auto partitions = PartitionsAhead(kBlockTable, Time(2026, 12, 31, 22, 30), 2);
  ASSERT_EQ(partitions.size(), 3u);
  EXPECT_EQ(partitions[0].name, "block_20261231_22");
  EXPECT_EQ(partitions[1].name, "block_20261231_23");
  EXPECT_EQ(partitions[2].name, "block_20270101_00");
  EXPECT_EQ(partitions[0].to, partitions[1].from);
  EXPECT_EQ(partitions[1].to, partitions[2].from);
}

TEST(AttachPartitionSql, HasLiteralBounds) {
  EXPECT_EQ(AttachPartitionSql(PartitionOf(kBlockTable, Time(2026, 12, 31, 23))),
            "ALTER TABLE pgvigil.block ATTACH PARTITION pgvigil.block_20261231_23 FOR VALUES FROM "
            "('2026-12-31 23:00:00.000000+00') TO ('2027-01-01 00:00:00.000000+00')");
}

}  // namespace
}  // namespace collector::storage
