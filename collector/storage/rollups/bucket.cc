#include "collector/storage/rollups/bucket.h"

#include <bit>
#include <cmath>
#include <optional>

#include "collector/storage/rollups/exact_sum.h"

namespace collector::storage {
namespace {

using api::SampleRow;

int64_t StartOf(int64_t time, int64_t step) {
  const int64_t into = time % step;
  return time - (into < 0 ? into + step : into);
}

void Widen(Bucket& bucket, double min, double max) {
  if (min < bucket.min || std::isnan(bucket.min)) bucket.min = min;
  if (max > bucket.max || std::isnan(bucket.max)) bucket.max = max;
}

// The growth of a counter, stretch by stretch: within one it never falls, so that only its ends
// need to be added.
class Growth {
 public:
  // The number before the bucket.
  void Begin(const std::optional<SampleRow>& before) {
    sum_ = {};
    last_ = before;
    if (last_) sum_.Add(-last_->value);
  }
  void Add(const SampleRow& sample) {
    if (std::isnan(sample.value)) return;
    if (!last_ || sample.time_unix_nano - last_->time_unix_nano > kGap) {
      if (last_) sum_.Add(last_->value);
      sum_.Add(-sample.value);
    } else if (sample.value < last_->value) {
      sum_.Add(last_->value);
    }
    last_ = sample;
  }
  double End() {
    if (last_) sum_.Add(last_->value);
    return sum_.Value();
  }
  [[nodiscard]] const std::optional<SampleRow>& last() const { return last_; }

 private:
  static constexpr int64_t kGap = std::chrono::nanoseconds(kIncreaseGap).count();
  ExactSum sum_;
  std::optional<SampleRow> last_;
};

}  // namespace

bool SameBucket(const Bucket& a, const Bucket& b) {
  const auto same = [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
  };
  return a.start_unix_nano == b.start_unix_nano && a.count == b.count && same(a.min, b.min) &&
         same(a.max, b.max) && same(a.sum, b.sum) && same(a.last, b.last) &&
         same(a.increase, b.increase);
}

void MakeBuckets(std::span<const SampleRow> samples, const api::TimeRange& range,
                 std::chrono::nanoseconds step, std::vector<Bucket>& out) {
  const int64_t from = shared::ToUnixNanos(range.from);
  const int64_t to = shared::ToUnixNanos(range.to);
  size_t i = 0;
  std::optional<SampleRow> before;  // the newest number
  for (; i < samples.size() && samples[i].time_unix_nano < from; ++i) {
    if (!std::isnan(samples[i].value)) before = samples[i];
  }
  while (i < samples.size() && samples[i].time_unix_nano < to) {
    Bucket bucket;
    bucket.start_unix_nano = StartOf(samples[i].time_unix_nano, step.count());
    bucket.min = bucket.max = Canonical(samples[i].value);
    const int64_t end = std::min(to, bucket.start_unix_nano + step.count());
    ExactSum sum;
    Growth growth;
    growth.Begin(before);
    for (; i < samples.size() && samples[i].time_unix_nano < end; ++i) {
      const double value = Canonical(samples[i].value);
      Widen(bucket, value, value);
      sum.Add(value);
      growth.Add({samples[i].time_unix_nano, value});
      bucket.last = value;
      bucket.count += 1;
    }
    bucket.sum = sum.Value();
    bucket.increase = growth.End();
    before = growth.last();
    out.push_back(bucket);
  }
}

void WidenBuckets(std::span<const Bucket> buckets, std::chrono::nanoseconds step,
                  std::vector<Bucket>& out) {
  for (size_t i = 0; i < buckets.size();) {
    Bucket bucket = buckets[i];
    bucket.start_unix_nano = StartOf(buckets[i].start_unix_nano, step.count());
    bucket.count = 0;
    ExactSum sum;
    ExactSum increase;
    for (; i < buckets.size() && buckets[i].start_unix_nano < bucket.start_unix_nano + step.count();
         ++i) {
      Widen(bucket, buckets[i].min, buckets[i].max);
      sum.Add(buckets[i].sum);
      increase.Add(buckets[i].increase);
      bucket.last = buckets[i].last;
      bucket.count += buckets[i].count;
    }
    bucket.sum = sum.Value();
    bucket.increase = increase.Value();
    out.push_back(bucket);
  }
}

std::vector<Bucket> MergeBuckets(std::span<const Bucket> old, std::span<const Bucket> fresh) {
  std::vector<Bucket> out;
  out.reserve(std::max(old.size(), fresh.size()));
  size_t o = 0;
  size_t f = 0;
  while (o < old.size() || f < fresh.size()) {
    if (f == fresh.size() ||
        (o < old.size() && old[o].start_unix_nano < fresh[f].start_unix_nano)) {
      out.push_back(old[o++]);
    } else if (o == old.size() || fresh[f].start_unix_nano < old[o].start_unix_nano) {
      out.push_back(fresh[f++]);
    } else {
      out.push_back(fresh[f].count >= old[o].count ? fresh[f] : old[o]);
      o += 1;
      f += 1;
    }
  }
  return out;
}

}  // namespace collector::storage
