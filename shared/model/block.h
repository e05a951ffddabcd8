#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace shared::model {

// The values of all series of one layout over some instants ("ticks").
struct Block {
  std::vector<int64_t> times_unix_nano;  // ascending, each instant once
  // Series-major: values[series * ticks + tick]. A tick in which a series had no value holds the
  // stale marker below.
  std::vector<double> values;
  uint32_t series = 0;

  [[nodiscard]] size_t ticks() const { return times_unix_nano.size(); }
  [[nodiscard]] std::span<const double> SeriesValues(size_t index) const {
    return std::span(values).subspan(index * ticks(), ticks());
  }
};

// "No value here": the NaN that Prometheus uses as its staleness marker. Told from other NaNs by
// its bits.
inline constexpr uint64_t kStaleBits = 0x7ff0000000000002;

}  // namespace shared::model
