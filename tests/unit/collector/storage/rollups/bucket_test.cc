#include "collector/storage/rollups/bucket.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "collector/storage/rollups/exact_sum.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using api::SampleRow;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Minutes and values.
std::vector<SampleRow> At(std::initializer_list<std::pair<double, double>> list) {
  std::vector<SampleRow> out;
  for (const auto& [minute, value] : list) {
    out.push_back({static_cast<int64_t>(minute * static_cast<double>(kMinute)), value});
  }
  return out;
}

std::vector<Bucket> Make(const std::vector<SampleRow>& samples, int from_minute, int to_minute) {
  std::vector<Bucket> out;
  MakeBuckets(
      samples,
      {shared::FromUnixNanos(from_minute * kMinute), shared::FromUnixNanos(to_minute * kMinute)},
      5min, out);
  return out;
}

std::vector<double> Increases(const std::vector<SampleRow>& samples, int from_minute = 60,
                              int to_minute = 600) {
  std::vector<double> out;
  for (const Bucket& bucket : Make(samples, from_minute, to_minute)) out.push_back(bucket.increase);
  return out;
}

TEST(MakeBuckets, TakesSamplesFromTheirBeginOnAndNotTheirEnd) {
  const auto buckets = Make(At({{4.9, 1}, {5, 2}, {9.9, 4}, {10, 8}, {20, 16}}), 5, 20);
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].start_unix_nano, 5 * kMinute);
  EXPECT_EQ(buckets[0].count, 2);
  EXPECT_EQ(buckets[0].min, 2);
  EXPECT_EQ(buckets[0].max, 4);
  EXPECT_EQ(buckets[0].sum, 6);
  EXPECT_EQ(buckets[0].last, 4);
  EXPECT_EQ(buckets[0].increase, 3);
  EXPECT_EQ(buckets[1].start_unix_nano, 10 * kMinute);
  EXPECT_EQ(buckets[1].count, 1);
}

TEST(MakeBuckets, CountTheIncreaseFromTheSampleBefore) {
  EXPECT_EQ(Increases(At({{59, 10}, {61, 13}, {64, 14}, {66, 20}})), (std::vector<double>{4, 6}));
  // Nothing before: from the first sample on.
  EXPECT_EQ(Increases(At({{61, 13}, {64, 14}, {66, 20}})), (std::vector<double>{1, 6}));
}

TEST(MakeBuckets, BeginAnewAfterAFall) {
  // Within a bucket, at the border, and twice in one.
  EXPECT_EQ(Increases(At({{59, 10}, {61, 12}, {62, 3}, {63, 5}})), (std::vector<double>{7}));
  EXPECT_EQ(Increases(At({{64, 10}, {65, 3}, {66, 4}})), (std::vector<double>{0, 4}));
  EXPECT_EQ(Increases(At({{59, 10}, {60, 1}, {61, 0}, {62, 7}})), (std::vector<double>{8}));
}

TEST(MakeBuckets, CountAnIncreaseOverAGapOfAnHourAndNoMore) {
  EXPECT_EQ(Increases(At({{60, 10}, {120, 25}})), (std::vector<double>{0, 15}));
  EXPECT_EQ(Increases(At({{60, 10}, {120.1, 25}, {121, 26}})), (std::vector<double>{0, 1}));
  // The sample before the range, too.
  EXPECT_EQ(Increases(At({{10, 1}, {70, 4}})), (std::vector<double>{3}));
  EXPECT_EQ(Increases(At({{9, 1}, {70, 4}})), (std::vector<double>{0}));
}

TEST(MakeBuckets, TreatNansAsPrometheusDoes) {
  const auto buckets = Make(At({{5, kNan}, {6, 3}, {7, 1}, {10, kNan}, {11, kNan}}), 5, 20);
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].min, 1);
  EXPECT_EQ(buckets[0].max, 3);
  EXPECT_TRUE(std::isnan(buckets[0].sum));
  EXPECT_EQ(buckets[0].count, 3);
  EXPECT_TRUE(std::isnan(buckets[1].min));
  EXPECT_TRUE(std::isnan(buckets[1].last));
  EXPECT_EQ(Increases(At({{61, 4}, {62, kNan}, {63, 9}, {66, kNan}, {71, 11}})),
            (std::vector<double>{5, 0, 2}));
}

TEST(ExactSum, AddsDecimalFractionsWithoutRounding) {
  const auto sum = [](std::initializer_list<double> values) {
    ExactSum out;
    for (const double value : values) out.Add(value);
    return out.Value();
  };
  EXPECT_EQ(sum({0.1, 0.2}), 0.3);
  EXPECT_EQ(sum({12.34, -12.3}), 0.04);
  EXPECT_EQ(sum({1e15, 0.5, -1e15}), 0.5);
  EXPECT_EQ(sum({1.0 / 3, 1e20, -1e20}), 1.0 / 3);
  EXPECT_EQ(sum({kInfinity, 1}), kInfinity);
  EXPECT_TRUE(std::isnan(sum({kInfinity, -kInfinity})));
  EXPECT_EQ(std::bit_cast<uint64_t>(sum({-0.0})), 0u);
}

// Wherever a range is cut, and whichever way, buckets stay the same.
TEST(MakeBuckets, DependOnTheirSamplesAlone) {
  constexpr uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 50; ++round) {
    std::vector<SampleRow> samples;
    double value = 0;
    for (int64_t time = 0; time < 600 * kMinute;
         time += static_cast<int64_t>(random() % (round % 2 == 0 ? 60 : 4000)) * kSecond + 1) {
      value += static_cast<double>(random() % 1000) / 100;
      if (random() % 100 == 0) value = 0;
      samples.push_back({time, random() % 50 == 0 ? kNan : value});
    }
    const auto whole = Make(samples, 120, 600);
    const int cut = 120 + 5 * static_cast<int>(random() % 96);
    std::vector<Bucket> parts = Make(samples, 120, cut);
    // As a reader does, who has no more than an hour before.
    std::vector<SampleRow> later;
    for (const SampleRow& sample : samples) {
      if (sample.time_unix_nano >= (cut - 60) * kMinute) later.push_back(sample);
    }
    for (const Bucket& bucket : Make(later, cut, 600)) parts.push_back(bucket);
    ASSERT_EQ(parts.size(), whole.size()) << "seed " << kSeed << " round " << round;
    for (size_t i = 0; i < whole.size(); ++i) {
      ASSERT_TRUE(SameBucket(parts[i], whole[i])) << "seed " << kSeed << " round " << round;
    }
  }
}

TEST(WidenBuckets, SumsUp) {
  std::vector<Bucket> hours;
  const auto narrow = Make(At({{61, 1.1}, {70, 5.2}, {118, 2.3}, {121, 7}}), 60, 180);
  WidenBuckets(narrow, 1h, hours);
  ASSERT_EQ(hours.size(), 2u);
  EXPECT_EQ(hours[0].start_unix_nano, 60 * kMinute);
  EXPECT_EQ(hours[0].count, 3);
  EXPECT_EQ(hours[0].min, 1.1);
  EXPECT_EQ(hours[0].max, 5.2);
  EXPECT_EQ(hours[0].sum, 8.6);
  EXPECT_EQ(hours[0].last, 2.3);
  EXPECT_EQ(hours[0].increase, 6.4);
  EXPECT_EQ(hours[1].increase, 4.7);
}

TEST(MergeBuckets, KeepsTheOldOneWhoseSamplesAreGone) {
  const auto bucket = [](int64_t start, int64_t count, double last) {
    return Bucket{start, count, last, last, last, last, 0};
  };
  const std::vector<Bucket> old = {bucket(0, 5, 1), bucket(10, 5, 2), bucket(20, 5, 3)};
  const std::vector<Bucket> fresh = {bucket(10, 4, 9), bucket(20, 5, 8), bucket(30, 1, 7)};
  std::vector<double> last;
  for (const Bucket& one : MergeBuckets(old, fresh)) last.push_back(one.last);
  EXPECT_EQ(last, (std::vector<double>{1, 2, 8, 7}));
}

}  // namespace
}  // namespace collector::storage
