#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collector/storage/newest/column_codec.h"
#include "shared/model/block.h"

namespace collector::storage::newest {

// Blocks of one layout that follow each other in time, by columns: each series can be read alone.
// Made by a PageBuilder, then never changed.
struct Page {
  // Ticks from `first_tick` on came with the block of this first_time (microseconds, as stored).
  struct Run {
    uint32_t first_tick = 0;
    int64_t block_time_us = 0;
  };

  std::vector<int64_t> times_unix_nano;  // ascending, each once
  std::vector<Run> runs;                 // at least one
  std::vector<uint32_t> ends;            // of each series' column in `columns`
  std::string columns;
  uint8_t level = 0;  // how often it was merged

  [[nodiscard]] size_t ticks() const { return times_unix_nano.size(); }
  [[nodiscard]] size_t series() const { return ends.size(); }
  // `values` has ticks() of them; `position` of the series in the layout.
  void Read(size_t position, std::span<double> values) const;
  // What it takes in memory.
  [[nodiscard]] size_t bytes() const;
};

// Reuses its buffers: one per thread.
class PageBuilder {
 public:
  std::shared_ptr<const Page> FromBlock(const shared::model::Block& block, int64_t block_time_us);
  // All of one layout, each after the one before; the level is one above the first's.
  std::shared_ptr<const Page> Merge(std::span<const std::shared_ptr<const Page>> pages);

 private:
  ColumnEncoder encoder_;
  std::vector<double> values_;
  std::string columns_;
};

}  // namespace collector::storage::newest
