#include "agent/host/diskstats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;

TEST(ParseDiskstats, ReadsElevenFifteenAndSeventeenColumns) {
  std::vector<Disk> disks;
  ASSERT_TRUE(
      ParseDiskstats("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
                     "   8      16 sdb 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n"
                     " 259       0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
                     disks));
  ASSERT_EQ(disks.size(), 3u);
  EXPECT_EQ(disks[0].name, "sda");
  EXPECT_EQ(disks[0].weighted_io_ms, 11u);
  EXPECT_EQ(disks[0].discards, std::nullopt);
  EXPECT_EQ(disks[1].discarded_sectors, 14u);
  EXPECT_EQ(disks[1].flushes, std::nullopt);
  EXPECT_EQ(disks[2].flushes, 16u);
  EXPECT_EQ(disks[2].flush_ms, 17u);
}

TEST(ParseDiskstats, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    std::vector<Disk> disks;
    const auto parsed = ParseDiskstats(text, disks);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message) << text;
  };
  expect_error("8 0 sda 1 2 3 4 5 6 7 8 9 10\n",
               "line 1: disk 'sda': a column is missing or no number");
  expect_error("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 1 sdb 1 2 x 4 5 6 7 8 9 10 11\n",
               "line 2: disk 'sdb': a column is missing or no number");
  expect_error("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 twelve\n",
               "line 1: disk 'sda': a column is missing or no number");
  expect_error("\n", "line 1: disk '': a column is missing or no number");
}

TEST(EmitDisk, SendsBytesAndSeconds) {
  std::vector<Disk> disks;
  ASSERT_TRUE(ParseDiskstats("8 0 sda 1 2 3 4000 5 6 7 8 9 10 11\n", disks));
  EXPECT_THAT(
      tests::LinesOf([&](auto& frame) { Emit(disks[0], frame); }),
      ElementsAre(
          "system.disk.io{disk.io.direction=read,system.device=sda} 1536 By counter",
          "system.disk.io{disk.io.direction=write,system.device=sda} 3584 By counter",
          "system.disk.operations{disk.io.direction=read,system.device=sda} 1 {operation} counter",
          "system.disk.operations{disk.io.direction=write,system.device=sda} 5 {operation} counter",
          "system.disk.merged{disk.io.direction=read,system.device=sda} 2 {operation} counter",
          "system.disk.merged{disk.io.direction=write,system.device=sda} 6 {operation} counter",
          "system.disk.operation_time{disk.io.direction=read,system.device=sda} 4 s counter",
          "system.disk.operation_time{disk.io.direction=write,system.device=sda} 0.008 s counter",
          "system.disk.io_time{system.device=sda} 0.01 s counter",
          "system.linux.disk.weighted_io_time{system.device=sda} 0.011 s counter",
          "system.linux.disk.in_flight{system.device=sda} 9 {operation} updowncounter"));
}

}  // namespace
}  // namespace agent::host
