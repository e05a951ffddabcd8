#include "collector/ingest/foreign/point_blocks.h"

#include <algorithm>
#include <bit>
#include <string>

#include "shared/model/block.h"
#include "shared/wire/layout_proto.h"

namespace collector::ingest::foreign {
namespace {

using Members = std::span<const SeriesPoints* const>;

constexpr int64_t kMostSpanNanos = int64_t{2} * 3600 * 1'000'000'000;
constexpr size_t kMostTicks = 4096;
constexpr size_t kMostValues = size_t{256} << 10;
constexpr size_t kMostSeries = 20'000;
constexpr size_t kMostValuesPerPoint = 8;

std::vector<int64_t> DistinctTimes(Members series) {
  std::vector<int64_t> times;
  for (const SeriesPoints* one : series) {
    for (const auto& point : one->points) times.push_back(point.first);
  }
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

void AppendBlock(Members series, std::span<const int64_t> times, const std::string& layout_hash,
                 shared::wire::BlockEncoder& encoder, pgvigil::v1::Batch& batch) {
  shared::model::Block block;
  block.series = static_cast<uint32_t>(series.size());
  block.times_unix_nano.assign(times.begin(), times.end());
  block.values.assign(series.size() * times.size(),
                      std::bit_cast<double>(shared::model::kStaleBits));
  double* row = block.values.data();
  for (const SeriesPoints* one : series) {
    auto point = std::lower_bound(one->points.begin(), one->points.end(), times.front(),
                                  [](const auto& left, int64_t time) { return left.first < time; });
    for (size_t tick = 0; tick < times.size() && point != one->points.end(); ++tick) {
      if (point->first != times[tick]) continue;
      row[tick] = point->second;
      ++point;
    }
    row += times.size();
  }
  pgvigil::v1::MetricBlock& out = *batch.add_blocks();
  out.set_layout_hash(layout_hash);
  out.set_first_unix_nano(static_cast<uint64_t>(times.front()));
  out.set_last_unix_nano(static_cast<uint64_t>(times.back()));
  out.set_ticks(static_cast<uint32_t>(times.size()));
  out.set_series(block.series);
  encoder.Encode(block, *out.mutable_payload());
}

void AppendLayout(const shared::model::Labels& common, Members series,
                  std::span<const int64_t> times, shared::wire::BlockEncoder& encoder,
                  pgvigil::v1::Batch& batch) {
  shared::model::Layout layout;
  layout.common_labels = common;
  for (const SeriesPoints* one : series) layout.series.push_back(one->series);
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  *batch.add_layouts() = shared::wire::ToProto(layout);
  const std::string hash(layout.hash.bytes.begin(), layout.hash.bytes.end());
  const size_t most_ticks = std::clamp(kMostValues / series.size(), size_t{1}, kMostTicks);
  for (size_t begin = 0; begin < times.size();) {
    size_t end = begin + 1;
    while (end < times.size() && end - begin < most_ticks &&
           times[end] - times[begin] <= kMostSpanNanos) {
      end += 1;
    }
    AppendBlock(series, times.subspan(begin, end - begin), hash, encoder, batch);
    begin = end;
  }
}

}  // namespace

void AppendBlocks(const shared::model::Labels& common, Members series,
                  shared::wire::BlockEncoder& encoder, pgvigil::v1::Batch& batch) {
  while (!series.empty()) {
    const Members some = series.first(std::min(series.size(), kMostSeries));
    series = series.subspan(some.size());
    const std::vector<int64_t> times = DistinctTimes(some);
    size_t points = 0;
    for (const SeriesPoints* one : some) points += one->points.size();
    if (times.size() * some.size() <= points * kMostValuesPerPoint) {
      AppendLayout(common, some, times, encoder, batch);
      continue;
    }
    for (size_t i = 0; i < some.size(); ++i) {
      const Members one = some.subspan(i, 1);
      AppendLayout(common, one, DistinctTimes(one), encoder, batch);
    }
  }
}

}  // namespace collector::ingest::foreign
