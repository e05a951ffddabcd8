#include "collector/storage/missing_ranges.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace collector::storage {
namespace {

using Range = MissingRanges::Range;

std::vector<Range> RangesOf(const MissingRanges& missing) {
  return {missing.ranges().begin(), missing.ranges().end()};
}

TEST(MissingRanges, JoinsWhatIsAppendedSideBySide) {
  MissingRanges missing;
  missing.Append(3, 5);
  missing.Append(5, 7);
  missing.Append(9, 9);
  missing.Append(10, 11);
  EXPECT_EQ(RangesOf(missing), (std::vector<Range>{{3, 7}, {10, 11}}));
}

TEST(MissingRanges, SplitsARangeByWhatComesInItsMiddle) {
  MissingRanges missing;
  missing.Append(10, 20);
  EXPECT_EQ(missing.Remove(14, 16), 2u);
  EXPECT_EQ(RangesOf(missing), (std::vector<Range>{{10, 14}, {16, 20}}));
  EXPECT_EQ(missing.Remove(0, 100), 8u);
  EXPECT_TRUE(missing.empty());
}

TEST(MissingRanges, ForgetsTheLowestAndSaysHowMuch) {
  MissingRanges missing;
  for (uint64_t i = 0; i < 5; ++i) missing.Append(i * 10, i * 10 + 2);
  EXPECT_EQ(missing.ForgetBeyond(5), 0u);
  EXPECT_EQ(missing.ForgetBeyond(2), 6u);
  EXPECT_EQ(RangesOf(missing), (std::vector<Range>{{30, 32}, {40, 42}}));
}

TEST(MissingRanges, SkipsWhatIsNoneOfOursInAColumn) {
  const std::vector<int64_t> flat{5, 7, 6, 9, -3, 2, 12, 12, 20, 30, 40};
  EXPECT_EQ(RangesOf(MissingRanges::FromFlat(flat)), (std::vector<Range>{{5, 7}, {20, 30}}));
}

TEST(MissingRanges, IsTheSetOfItsNumbers) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    MissingRanges missing;
    std::set<uint64_t> model;
    uint64_t top = 0;
    for (int step = 0; step < 60; ++step) {
      if (random() % 2 == 0) {
        const uint64_t first = top + random() % 4, end = first + random() % 6;
        missing.Append(first, end);
        for (uint64_t n = first; n < end; ++n) model.insert(n);
        top = std::max(top, end);
      } else {
        const uint64_t first = random() % (top + 3), end = first + random() % 8;
        uint64_t removed = 0;
        for (uint64_t n = first; n < end; ++n) removed += model.erase(n);
        ASSERT_EQ(missing.Remove(first, end), removed) << "seed " << seed;
      }
      for (uint64_t n = 0; n <= top + 2; ++n) {
        ASSERT_EQ(missing.Contains(n), model.contains(n)) << "seed " << seed << " number " << n;
      }
      ASSERT_EQ(MissingRanges::FromFlat(missing.Flat()), missing) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace collector::storage
