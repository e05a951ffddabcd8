#include "shared/model/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace shared::model {
namespace {

TEST(Block, HoldsItsValuesSeriesAfterSeries) {
  const Block block{.times_unix_nano = {10, 20, 30}, .values = {1, 2, 3, 4, 5, 6}, .series = 2};
  EXPECT_EQ(block.ticks(), 3u);
  EXPECT_THAT(block.SeriesValues(0), testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(block.SeriesValues(1), testing::ElementsAre(4, 5, 6));
}

TEST(Block, MarksStalenessWithPrometheusNaN) {
  double stale = 0;
  std::memcpy(&stale, &kStaleBits, sizeof stale);
  EXPECT_TRUE(std::isnan(stale));
  uint64_t bits = 0;
  std::memcpy(&bits, &stale, sizeof bits);
  EXPECT_EQ(bits, 0x7ff0000000000002u);
}

}  // namespace
}  // namespace shared::model
