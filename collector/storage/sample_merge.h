#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collector/api/telemetry_reader.h"

namespace collector::storage {

// Which of two samples of one series and instant counts, should their values differ: the one from
// the block that begins first, then of the lower layout id. Compaction keeps to the same order. Of
// a chunk only its window is known, where its blocks begin; it comes before the window's own
// blocks: what is in a chunk stays, when a block that contradicts it comes later.
struct SampleOrigin {
  int64_t block_time_us = 0;
  int64_t layout_id = 0;
  friend auto operator<=>(const SampleOrigin&, const SampleOrigin&) = default;
};

// Ticks of `times` (ascending) that are in `range`: first and one past the last.
struct TickRange {
  size_t begin = 0;
  size_t end = 0;
  [[nodiscard]] bool empty() const { return begin >= end; }
};
TickRange TicksIn(std::span<const int64_t> times, const api::TimeRange& range);

// Puts the samples of a question together: pieces of series from any tier, in any order, also the
// same piece more than once. Cheap when the pieces come in order of time and do not overlap.
class SampleMerge {
 public:
  explicit SampleMerge(size_t series) : series_(series) {}

  // values[i] is of times[i], which ascend; stale markers are left out.
  void Add(size_t series, std::span<const int64_t> times, std::span<const double> values,
           const SampleOrigin& origin);

  // Added so far, each as often as it came.
  [[nodiscard]] size_t added() const { return added_; }
  // By series: ascending, each time once. Call last.
  std::vector<std::vector<api::SampleRow>> Take();

 private:
  struct Part {
    size_t begin = 0;  // in samples
    SampleOrigin origin;
  };
  struct Series {
    std::vector<api::SampleRow> samples;
    std::vector<Part> parts;
    bool ascending = true;
  };
  struct Piece;
  static bool SortDisjoint(std::vector<Piece>& pieces, const std::vector<api::SampleRow>& samples);
  static void Sort(Series& series);

  std::vector<Series> series_;
  size_t added_ = 0;
};

}  // namespace collector::storage
