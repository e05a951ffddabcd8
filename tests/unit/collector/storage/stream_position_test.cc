#include "collector/storage/stream_position.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace collector::storage {
namespace {

const StreamPosition kStored{
    .incarnation = 7, .sequence = 10, .batches = 10, .gaps = 0, .duplicates = 0};

MissingRanges Missing(uint64_t first, uint64_t end) {
  MissingRanges missing;
  missing.Append(first, end);
  return missing;
}

StreamPosition Position(uint64_t incarnation, uint64_t sequence, uint64_t batches, uint64_t gaps,
                        uint64_t duplicates, MissingRanges missing = {},
                        std::vector<StreamLife> older = {}) {
  return {.incarnation = incarnation,
          .sequence = sequence,
          .batches = batches,
          .gaps = gaps,
          .duplicates = duplicates,
          .missing = std::move(missing),
          .older = std::move(older)};
}

void ExpectAdvance(StreamPosition position, uint64_t incarnation, uint64_t sequence,
                   Verdict verdict, const StreamPosition& after,
                   OlderLives older = OlderLives::kRefused) {
  EXPECT_EQ(Advance(position, incarnation, sequence, older), verdict)
      << incarnation << ":" << sequence;
  EXPECT_EQ(position, after) << incarnation << ":" << sequence;
}

TEST(Advance, TakesTheNextOne) {
  ExpectAdvance(kStored, 7, 11, Verdict::kStore, Position(7, 11, 11, 0, 0));
}

TEST(Advance, KnowsWhatWasStored) {
  ExpectAdvance(kStored, 7, 10, Verdict::kDuplicate, Position(7, 10, 10, 0, 1));
  ExpectAdvance(kStored, 7, 1, Verdict::kDuplicate, Position(7, 10, 10, 0, 1));
}

TEST(Advance, TakesWhatComesLateOnce) {
  const StreamPosition gap = Position(7, 14, 11, 3, 0, Missing(11, 14));
  ExpectAdvance(kStored, 7, 14, Verdict::kStore, gap);
  MissingRanges two = Missing(11, 12);
  two.Append(13, 14);
  const StreamPosition filled = Position(7, 14, 12, 2, 0, two);
  ExpectAdvance(gap, 7, 12, Verdict::kStore, filled);
  ExpectAdvance(filled, 7, 12, Verdict::kDuplicate, Position(7, 14, 12, 2, 1, two));
}

TEST(Advance, BeginsANewLifeAtOne) {
  const std::vector<StreamLife> older{{7, 10, {}}};
  ExpectAdvance(kStored, 8, 1, Verdict::kStore, Position(8, 1, 11, 0, 0, {}, older));
  ExpectAdvance(kStored, 8, 5, Verdict::kStore, Position(8, 5, 11, 4, 0, Missing(1, 5), older));
}

TEST(Advance, RefusesAnOlderLifeUnchanged) {
  ExpectAdvance(kStored, 6, 11, Verdict::kOlderLife, kStored);
}

TEST(Advance, TakesAnOlderLifeWhereBatchesMayOvertakeEachOther) {
  const StreamPosition second = Position(8, 1, 11, 0, 0, {}, {{7, 10, {}}});
  ExpectAdvance(second, 7, 10, Verdict::kDuplicate, Position(8, 1, 11, 0, 1, {}, {{7, 10, {}}}),
                OlderLives::kTaken);
  ExpectAdvance(second, 7, 12, Verdict::kStore,
                Position(8, 1, 12, 1, 0, {}, {{7, 12, Missing(11, 12)}}), OlderLives::kTaken);
  ExpectAdvance(second, 6, 2, Verdict::kStore,
                Position(8, 1, 12, 1, 0, {}, {{6, 2, Missing(1, 2)}, {7, 10, {}}}),
                OlderLives::kTaken);
}

TEST(Advance, RefusesALifeOfWhichItForgotWhatIsStored) {
  StreamPosition position;
  for (uint64_t life = 1; life <= 10; ++life) Advance(position, life, 2, OlderLives::kTaken);
  EXPECT_EQ(position.older.size(), 8u);
  EXPECT_EQ(position.oldest_incarnation, 2u);
  EXPECT_EQ(position.forgotten, 1u);  // 1:1 never came
  ExpectAdvance(position, 1, 1, Verdict::kOlderLife, position, OlderLives::kTaken);
}

TEST(Advance, TakesTheFirstBatchEver) {
  ExpectAdvance({}, 7, 1, Verdict::kStore, Position(7, 1, 1, 0, 0));
  ExpectAdvance({}, 7, 3, Verdict::kStore, Position(7, 3, 1, 2, 0, Missing(1, 3)));
}

TEST(Advance, GivesUpTheLowestRangesAndSaysSo) {
  StreamPosition position;
  for (uint64_t i = 1; i <= 70; ++i) Advance(position, 7, 2 * i);
  EXPECT_EQ(position.missing.ranges().size(), 64u);
  EXPECT_EQ(position.forgotten, 6u);
  EXPECT_EQ(position.gaps, 70u);
  EXPECT_EQ(Advance(position, 7, 1), Verdict::kDuplicate);
  EXPECT_EQ(Advance(position, 7, 13), Verdict::kStore);
}

// Batches of three lives in any order, each delivered one to three times: each is stored once.
TEST(Advance, StoresEveryBatchOnceInWhateverOrderTheyCome) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::pair<uint64_t, uint64_t>> deliveries;
    std::set<std::pair<uint64_t, uint64_t>> expected;
    for (uint64_t life = 5; life < 8; ++life) {
      for (uint64_t sequence = 1; sequence <= 40; ++sequence) {
        expected.insert({life, sequence});
        for (auto copies = 1 + random() % 3; copies > 0; --copies) {
          deliveries.emplace_back(life, sequence);
        }
      }
    }
    std::shuffle(deliveries.begin(), deliveries.end(), random);
    StreamPosition position;
    std::map<std::pair<uint64_t, uint64_t>, int> stored;
    for (const auto& [life, sequence] : deliveries) {
      if (Advance(position, life, sequence, OlderLives::kTaken) == Verdict::kStore) {
        stored[{life, sequence}] += 1;
      }
      // As a row of the table keeps it, between one transaction and the next.
      position.missing = MissingRanges::FromFlat(position.missing.Flat());
      position.older = LivesFromFlat(FlatLives(position.older));
    }
    ASSERT_EQ(stored.size(), expected.size()) << "seed " << seed;
    for (const auto& [name, times] : stored) ASSERT_EQ(times, 1) << "seed " << seed;
    EXPECT_EQ(position.gaps, 0u) << "seed " << seed;
    EXPECT_EQ(position.forgotten, 0u) << "seed " << seed;
    EXPECT_EQ(position.batches, expected.size()) << "seed " << seed;
  }
}

TEST(LivesFromFlat, EndsWhereAColumnIsNoneOfOurs) {
  EXPECT_EQ(LivesFromFlat(std::vector<int64_t>{7, 10, 1, 3, 5, 8, 2}),
            (std::vector<StreamLife>{{7, 10, Missing(3, 5)}}));
  EXPECT_TRUE(LivesFromFlat(std::vector<int64_t>{7, 10, 4, 3, 5}).empty());
  EXPECT_TRUE(LivesFromFlat(std::vector<int64_t>{7, 10, INT64_MAX, 3, 5}).empty());
  EXPECT_TRUE(LivesFromFlat(std::vector<int64_t>{7, 10, -1}).empty());
}

}  // namespace
}  // namespace collector::storage
