#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "collector/api/telemetry_reader.h"

// What a series did in some minutes. All numbers depend on its samples alone, not on who computed
// them from what: a rollup that was stored says the same, bit for bit, as the samples do. Pure.
namespace collector::storage {

// An increase is counted between samples that are at most so far apart. After a longer gap nobody
// knows what the counter did; it starts anew. So late data changes its own hour and the next, no
// more.
inline constexpr std::chrono::hours kIncreaseGap{1};

// Samples with start <= time < start + step. Steps are whole multiples since 1970. Stale markers
// are no samples.
struct Bucket {
  int64_t start_unix_nano = 0;
  int64_t count = 0;  // 0: nothing else has a meaning
  double min = 0;     // NaN only when all are
  double max = 0;
  double sum = 0;   // NaN when any is
  double last = 0;  // of the newest sample
  // Of a counter: by how much it grew, from the sample before the bucket (if that is at most
  // kIncreaseGap older) to the bucket's last one. When it fell it began again at 0. NaNs apart.
  double increase = 0;
};
// Bit for bit.
bool SameBucket(const Bucket& a, const Bucket& b);

// Appends the buckets of from <= time < to (whole steps), those that have samples. `samples` ascend
// and may begin earlier: of those the last kIncreaseGap counts for the first increase.
void MakeBuckets(std::span<const api::SampleRow> samples, const api::TimeRange& range,
                 std::chrono::nanoseconds step, std::vector<Bucket>& out);

// Appends wider buckets made of narrower ones, which ascend; `step` is a multiple of theirs.
void WidenBuckets(std::span<const Bucket> buckets, std::chrono::nanoseconds step,
                  std::vector<Bucket>& out);

// Both ascend. A bucket that is in both is the new one, unless it has fewer samples: samples are
// never lost but by retention, which takes the old ones' ground away.
std::vector<Bucket> MergeBuckets(std::span<const Bucket> old, std::span<const Bucket> fresh);

}  // namespace collector::storage
