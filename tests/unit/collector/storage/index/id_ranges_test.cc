#include "collector/storage/index/id_ranges.h"

#include <gtest/gtest.h>

namespace {

using collector::storage::IdRanges;
using Ranges = std::vector<std::pair<int64_t, int64_t>>;
constexpr shared::MonotonicTime kStart{std::chrono::seconds(100)};

TEST(IdRanges, AsksAgainForWhatIsMissing) {
  IdRanges ids;
  EXPECT_EQ(ids.ToAsk(), Ranges({{1, IdRanges::kNoEnd}}));
  ids.Saw(1, kStart);
  ids.Saw(9, kStart);
  EXPECT_EQ(ids.ToAsk(), Ranges({{2, 8}, {10, IdRanges::kNoEnd}}));
  ids.Saw(5, kStart);
  EXPECT_EQ(ids.ToAsk(), Ranges({{2, 4}, {6, 8}, {10, IdRanges::kNoEnd}}));
  for (const int64_t id : {2, 4, 8, 3, 3, 9, 1}) ids.Saw(id, kStart);
  EXPECT_EQ(ids.ToAsk(), Ranges({{6, 7}, {10, IdRanges::kNoEnd}}));
}

TEST(IdRanges, GivesUpWhatIsMissingForLong) {
  IdRanges ids;
  ids.Saw(3, kStart);
  ids.Saw(6, kStart + std::chrono::seconds(10));
  ids.GiveUp(kStart + std::chrono::seconds(5));
  EXPECT_EQ(ids.ToAsk(), Ranges({{4, 5}, {7, IdRanges::kNoEnd}}));
  ids.Saw(2, kStart);
  EXPECT_EQ(ids.ToAsk(), Ranges({{4, 5}, {7, IdRanges::kNoEnd}}));
}

TEST(IdRanges, KeepsNoMoreThanAThousandGaps) {
  IdRanges ids;
  for (int64_t id = 2; id <= 4000; id += 2) ids.Saw(id, kStart);
  EXPECT_EQ(ids.ToAsk().size(), IdRanges::kMostGaps + 1);
  EXPECT_EQ(ids.ToAsk().back(), (std::pair<int64_t, int64_t>(4001, IdRanges::kNoEnd)));
}

}  // namespace
