#include "collector/storage/sample_merge.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>

#include "collector/storage/sample_tiers.h"
#include "shared/model/block.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;

TEST(SampleMerge, GivesEachInstantOnceWhateverTheOrderOfPieces) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    struct Piece {
      std::vector<int64_t> times;
      std::vector<double> values;
      SampleOrigin origin;
    };
    std::vector<Piece> pieces;
    std::map<int64_t, std::pair<SampleOrigin, double>> expected;
    for (uint64_t i = 0; i < 1 + random() % 8; ++i) {
      Piece piece;
      piece.origin = {static_cast<int64_t>(random() % 3), static_cast<int64_t>(i)};
      int64_t time = static_cast<int64_t>(random() % 40);
      for (uint64_t tick = 0; tick < 1 + random() % 10; ++tick) {
        time += static_cast<int64_t>(1 + random() % 4);
        const bool stale = random() % 5 == 0;
        const double value = stale ? std::bit_cast<double>(shared::model::kStaleBits)
                                   : static_cast<double>(random() % 1000);
        piece.times.push_back(time);
        piece.values.push_back(value);
        if (stale) continue;
        const auto [found, fresh] = expected.try_emplace(time, piece.origin, value);
        if (!fresh && piece.origin < found->second.first) found->second = {piece.origin, value};
      }
      pieces.push_back(piece);
      if (random() % 3 == 0) pieces.push_back(piece);  // read from two tiers
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    SampleMerge merge(2);
    for (const Piece& piece : pieces) merge.Add(1, piece.times, piece.values, piece.origin);
    const auto samples = merge.Take();
    EXPECT_TRUE(samples[0].empty());
    ASSERT_EQ(samples[1].size(), expected.size()) << "seed " << seed;
    size_t i = 0;
    for (const auto& [time, what] : expected) {
      EXPECT_EQ(samples[1][i].time_unix_nano, time) << "seed " << seed;
      EXPECT_EQ(samples[1][i].value, what.second) << "seed " << seed << " time " << time;
      i += 1;
    }
  }
}

TEST(SampleTiers, TakesTheCoarsestThatMakesUpWholeSteps) {
  EXPECT_EQ(CoarsestTier(0ms), SampleTier::kMeasured);
  EXPECT_EQ(CoarsestTier(299'999ms), SampleTier::kMeasured);
  EXPECT_EQ(CoarsestTier(300s), SampleTier::kFiveMinutes);
  EXPECT_EQ(CoarsestTier(3599s), SampleTier::kMeasured);
  EXPECT_EQ(CoarsestTier(1h), SampleTier::kHour);
  EXPECT_EQ(CoarsestTier(65min), SampleTier::kFiveMinutes);
  EXPECT_EQ(CoarsestTier(24h), SampleTier::kHour);
}

}  // namespace
}  // namespace collector::storage
