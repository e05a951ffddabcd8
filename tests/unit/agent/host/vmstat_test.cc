#include "agent/host/vmstat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;

TEST(ParseVmstat, SumsWhatOldKernelsPrintByZone) {
  const auto vmstat = ParseVmstat(
      "pgscan_kswapd_dma 1\npgscan_kswapd_dma32 2\npgscan_kswapd_normal 4\n"
      "pgscan_direct_throttle 100\nallocstall 7\nworkingset_refault_anon 1\n"
      "workingset_refault_file 2\nthp_split 5\nnr_free_pages nonsense\n");
  ASSERT_TRUE(vmstat) << vmstat.error().message;
  EXPECT_EQ(vmstat->scanned_kswapd, 7u);
  EXPECT_EQ(vmstat->scanned_direct, std::nullopt);
  EXPECT_EQ(vmstat->allocation_stalls, 7u);
  EXPECT_EQ(vmstat->workingset_refaults, 3u);
  EXPECT_EQ(vmstat->thp_splits, 5u);
  EXPECT_EQ(vmstat->oom_kills, std::nullopt);
}

TEST(ParseVmstat, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const auto vmstat = ParseVmstat(text);
    ASSERT_FALSE(vmstat) << text;
    EXPECT_EQ(vmstat.error().message, message) << text;
  };
  expect_error("", "no known counter");
  expect_error("<html>\n", "no known counter");
  expect_error("pgpgin 1\npgfault\n", "line 2: pgfault: no number");
  expect_error("pgpgin 1x\n", "line 1: pgpgin: no number");
}

TEST(EmitVmstat, TakesMajorFaultsOffTheMinorOnes) {
  const auto vmstat = ParseVmstat("pgfault 10\npgmajfault 3\npswpin 5\npgpgout 2\n");
  ASSERT_TRUE(vmstat);
  EXPECT_THAT(
      tests::LinesOf([&](auto& frame) { Emit(*vmstat, frame); }),
      ElementsAre("system.paging.faults{system.paging.fault.type=minor} 7 {fault} counter",
                  "system.paging.faults{system.paging.fault.type=major} 3 {fault} counter",
                  "system.paging.operations{system.paging.direction=in} 5 {operation} counter",
                  "system.linux.paging.io{system.paging.direction=out} 2048 By counter"));
}

}  // namespace
}  // namespace agent::host
