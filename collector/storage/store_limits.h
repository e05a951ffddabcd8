#pragma once

#include <chrono>

#include "collector/storage/series_admission.h"
#include "shared/base/clock.h"

namespace collector::storage {

// What the store takes. A time decides which partition a row needs, so these bound how many
// partitions a sender with a broken clock can make us create.
struct StoreLimits {
  // Newest minus oldest tick of a block: readers look this far back for blocks that reach into
  // their window, so it is part of the schema (pgvigil.block) and not to be raised.
  std::chrono::nanoseconds block_span = std::chrono::hours(2);
  std::chrono::hours blocks_back{14 * 24};  // hourly partitions
  std::chrono::hours rows_back{400 * 24};   // daily partitions: logs and statements
  std::chrono::hours ahead{25};
  SeriesLimits series;

  [[nodiscard]] bool TakesBlock(shared::WallTime first, shared::WallTime last,
                                shared::WallTime now) const {
    return first >= now - blocks_back && last <= now + ahead;
  }
  [[nodiscard]] bool TakesRow(shared::WallTime time, shared::WallTime now) const {
    return time >= now - rows_back && time <= now + ahead;
  }
};

}  // namespace collector::storage
