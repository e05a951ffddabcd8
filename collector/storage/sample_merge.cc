#include "collector/storage/sample_merge.h"

#include <algorithm>
#include <bit>

#include "shared/model/block.h"

namespace collector::storage {

using api::SampleRow;

TickRange TicksIn(std::span<const int64_t> times, const api::TimeRange& range) {
  const auto at = [&](shared::WallTime time) {
    return static_cast<size_t>(
        std::lower_bound(times.begin(), times.end(), shared::ToUnixNanos(time)) - times.begin());
  };
  return {at(range.from), at(range.to)};
}

void SampleMerge::Add(size_t series, std::span<const int64_t> times, std::span<const double> values,
                      const SampleOrigin& origin) {
  Series& to = series_[series];
  const size_t begin = to.samples.size();
  // At least twice as much each time, as push_back would.
  if (to.samples.capacity() < begin + times.size()) {
    to.samples.reserve(std::max(begin + times.size(), 2 * begin));
  }
  to.samples.resize(begin + times.size());
  SampleRow* out = to.samples.data() + begin;
  for (size_t i = 0; i < times.size(); ++i) {
    *out = {times[i], values[i]};
    out += std::bit_cast<uint64_t>(values[i]) == shared::model::kStaleBits ? 0 : 1;
  }
  to.samples.resize(static_cast<size_t>(out - to.samples.data()));
  if (to.samples.size() == begin) return;
  added_ += to.samples.size() - begin;
  to.parts.push_back({begin, origin});
  if (begin > 0 && to.samples[begin].time_unix_nano <= to.samples[begin - 1].time_unix_nano) {
    to.ascending = false;
  }
}

struct SampleMerge::Piece {
  SampleOrigin origin;
  size_t begin = 0;
  size_t end = 0;
};

// Pieces that only came in another order: true when they follow each other in time once sorted.
bool SampleMerge::SortDisjoint(std::vector<Piece>& pieces, const std::vector<SampleRow>& samples) {
  std::sort(pieces.begin(), pieces.end(), [&](const Piece& a, const Piece& b) {
    return samples[a.begin].time_unix_nano < samples[b.begin].time_unix_nano;
  });
  for (size_t i = 1; i < pieces.size(); ++i) {
    const SampleRow& last = samples[pieces[i - 1].end - 1];
    if (last.time_unix_nano >= samples[pieces[i].begin].time_unix_nano) return false;
  }
  return true;
}

// Those that overlap: piece by piece in the order of their origins, then stably by time, so that of
// each instant the first stays.
void SampleMerge::Sort(Series& series) {
  std::vector<Piece> pieces;
  pieces.reserve(series.parts.size());
  for (size_t i = 0; i < series.parts.size(); ++i) {
    const bool last = i + 1 == series.parts.size();
    pieces.push_back({series.parts[i].origin, series.parts[i].begin,
                      last ? series.samples.size() : series.parts[i + 1].begin});
  }
  const bool disjoint = SortDisjoint(pieces, series.samples);
  if (!disjoint) {
    std::stable_sort(pieces.begin(), pieces.end(),
                     [](const Piece& a, const Piece& b) { return a.origin < b.origin; });
  }
  std::vector<SampleRow> sorted;
  sorted.reserve(series.samples.size());
  for (const Piece& piece : pieces) {
    sorted.insert(sorted.end(), series.samples.begin() + static_cast<std::ptrdiff_t>(piece.begin),
                  series.samples.begin() + static_cast<std::ptrdiff_t>(piece.end));
  }
  series.samples.swap(sorted);
  if (disjoint) return;
  std::stable_sort(
      series.samples.begin(), series.samples.end(),
      [](const SampleRow& a, const SampleRow& b) { return a.time_unix_nano < b.time_unix_nano; });
  series.samples.erase(std::unique(series.samples.begin(), series.samples.end(),
                                   [](const SampleRow& a, const SampleRow& b) {
                                     return a.time_unix_nano == b.time_unix_nano;
                                   }),
                       series.samples.end());
}

std::vector<std::vector<SampleRow>> SampleMerge::Take() {
  std::vector<std::vector<SampleRow>> out;
  out.reserve(series_.size());
  for (Series& series : series_) {
    if (!series.ascending) Sort(series);
    out.push_back(std::move(series.samples));
  }
  return out;
}

}  // namespace collector::storage
