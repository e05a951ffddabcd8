#include "collector/storage/rollups/rollup_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <random>

#include "collector/storage/rollups/exact_sum.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;

constexpr size_t kSlots = 288;
constexpr int64_t kStep = std::chrono::nanoseconds(5min).count();
constexpr int64_t kDay = 20'000 * 288 * kStep;

// What a source may do in a day: `kind` picks one of every class of doubles.
std::vector<Bucket> RandomDay(std::mt19937_64& random, int kind) {
  std::vector<Bucket> out;
  double value = static_cast<double>(random() % 1'000'000);
  const auto next = [&]() -> double {
    switch (kind) {
      case 0:
        return 4711;
      case 1:
        return value += static_cast<double>(random() % 3);
      case 2:
        return (value += static_cast<double>(random() % 100'000)) / 100;
      case 3:
        return (value = std::max(1.0, value + static_cast<double>(random() % 80) - 40)) * 4096;
      case 4:
        return std::bit_cast<double>(random());
      case 5:
        return value = value * 1.7 + 1;  // beyond what integers hold
      case 6:
        return random() % 40 == 0 ? value = 0 : value += 1e9;
      default:
        return static_cast<double>(random() % 1000) / 3;
    }
  };
  for (size_t slot = 0; slot < kSlots; ++slot) {
    if (kind % 2 == 1 && random() % 10 == 0) continue;
    if (kind == 5 && slot > 60) break;
    Bucket bucket;
    bucket.start_unix_nano = kDay + static_cast<int64_t>(slot) * kStep;
    bucket.count = random() % 30 == 0 ? 29 : 30;
    ExactSum sum;
    for (int i = 0; i < 3; ++i) {
      const double one = Canonical(next());
      if (i == 0 || one < bucket.min || bucket.min != bucket.min) bucket.min = one;
      if (i == 0 || one > bucket.max || bucket.max != bucket.max) bucket.max = one;
      bucket.last = one;
      sum.Add(one);
    }
    bucket.sum = sum.Value();
    ExactSum increase;
    increase.Add(bucket.last);
    if (!out.empty()) increase.Add(-out.back().last);
    bucket.increase = random() % 50 == 0 ? Canonical(bucket.last) : increase.Value();
    out.push_back(bucket);
  }
  return out;
}

TEST(RollupCodec, GivesEveryBucketBackBitForBit) {
  constexpr uint64_t kSeed = 11;
  std::mt19937_64 random(kSeed);
  RollupEncoder encoder(kDay, 5min, kSlots);
  for (int round = 0; round < 20; ++round) {
    encoder.Clear(kDay);
    std::vector<std::vector<Bucket>> days;
    for (int16_t ord = 0; ord < 16; ++ord) {
      const bool counter = random() % 2 == 0;
      days.push_back(RandomDay(random, ord % 8));
      for (Bucket& bucket : days.back()) {
        if (!counter) bucket.increase = 0;
      }
      encoder.Add(ord, counter, days.back());
    }
    for (size_t ord = 0; ord < days.size(); ++ord) {
      std::vector<Bucket> back;
      ASSERT_TRUE(DecodeRollup(MemberOf(encoder.row(), ord, kSlots), kDay, 5min, kSlots, back));
      ASSERT_EQ(back.size(), days[ord].size()) << "seed " << kSeed << " ord " << ord;
      for (size_t i = 0; i < back.size(); ++i) {
        ASSERT_TRUE(SameBucket(back[i], days[ord][i]))
            << "seed " << kSeed << " round " << round << " ord " << ord << " bucket " << i;
      }
    }
  }
}

TEST(RollupCodec, StoresOfAConstantNothingButItsHead) {
  RollupEncoder encoder(kDay, 5min, kSlots);
  std::vector<Bucket> buckets;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    buckets.push_back({kDay + static_cast<int64_t>(slot) * kStep, 30, 7, 7, 210, 7, 0});
  }
  encoder.Add(3, false, buckets);
  const RollupArrays& row = encoder.row();
  EXPECT_EQ(row.ords, std::vector<int16_t>{3});
  EXPECT_TRUE(row.bytes.empty() && row.smalls.empty() && row.ints.empty() && row.longs.empty() &&
              row.doubles.empty());
}

TEST(RollupCodec, SaysWhenArraysDoNotFitToEachOther) {
  std::mt19937_64 random(1);
  RollupEncoder encoder(kDay, 5min, kSlots);
  encoder.Add(0, true, RandomDay(random, 2));
  std::vector<Bucket> out;
  RollupMember member = MemberOf(encoder.row(), 0, kSlots);
  ASSERT_FALSE(member.integers.empty());
  member.integers.pop_back();
  EXPECT_FALSE(DecodeRollup(member, kDay, 5min, kSlots, out));
  member = MemberOf(encoder.row(), 0, kSlots);
  member.doubles.resize(kSlots);
  EXPECT_FALSE(DecodeRollup(member, kDay, 5min, kSlots, out));
  member = MemberOf(encoder.row(), 0, kSlots);
  member.shape[0] = 77;
  EXPECT_FALSE(DecodeRollup(member, kDay, 5min, kSlots, out));
}

}  // namespace
}  // namespace collector::storage
