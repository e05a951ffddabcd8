#include "collector/storage/stream_position.h"

#include <gtest/gtest.h>

namespace collector::storage {
namespace {

constexpr StreamPosition kStored{
    .incarnation = 7, .sequence = 10, .batches = 10, .gaps = 0, .duplicates = 0};

void ExpectAdvance(StreamPosition position, uint64_t incarnation, uint64_t sequence,
                   Verdict verdict, const StreamPosition& after) {
  EXPECT_EQ(Advance(position, incarnation, sequence), verdict) << incarnation << ":" << sequence;
  EXPECT_EQ(position, after) << incarnation << ":" << sequence;
}

TEST(Advance, TakesTheNextOne) {
  ExpectAdvance(kStored, 7, 11, Verdict::kStore, {7, 11, 11, 0, 0});
}

TEST(Advance, KnowsWhatWasStored) {
  ExpectAdvance(kStored, 7, 10, Verdict::kDuplicate, {7, 10, 10, 0, 1});
  ExpectAdvance(kStored, 7, 1, Verdict::kDuplicate, {7, 10, 10, 0, 1});
}

TEST(Advance, CountsWhatNeverCame) {
  ExpectAdvance(kStored, 7, 14, Verdict::kStore, {7, 14, 11, 3, 0});
}

TEST(Advance, BeginsANewLifeAtOne) {
  ExpectAdvance(kStored, 8, 1, Verdict::kStore, {8, 1, 11, 0, 0});
  ExpectAdvance(kStored, 8, 5, Verdict::kStore, {8, 5, 11, 4, 0});
}

TEST(Advance, RefusesAnOlderLifeUnchanged) {
  ExpectAdvance(kStored, 6, 11, Verdict::kOlderLife, kStored);
}

TEST(Advance, TakesTheFirstBatchEver) {
  ExpectAdvance({}, 7, 1, Verdict::kStore, {7, 1, 1, 0, 0});
  ExpectAdvance({}, 7, 3, Verdict::kStore, {7, 3, 1, 2, 0});
}

}  // namespace
}  // namespace collector::storage
