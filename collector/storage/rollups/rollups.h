#pragma once

#include <chrono>
#include <deque>
#include <string_view>

#include "collector/storage/maintenance/chore.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/rollups/day_roller.h"
#include "collector/storage/rollups/rollup_metrics.h"
#include "collector/storage/rollups/rollup_options.h"
#include "shared/metrics/registry.h"

namespace collector::storage {

// Makes rollups of days that are over, a host at a time, oldest first; again when late data has
// changed their chunks. What is due stands in pgvigil.rollup_dirty, which compaction writes: an
// hour of a host is there exactly while rollups do not say yet what chunks say. Metrics:
// rollup_metrics.h. References must outlive it.
class Rollups final : public Chore {
 public:
  Rollups(RollupOptions options, PartitionKeeper& partitions, shared::metrics::Registry& registry);

  [[nodiscard]] std::string_view name() const override { return "rollups"; }
  shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                shared::WallTime now,
                                                std::stop_token stop) override;

 private:
  // Fills jobs_.
  shared::Result<void> Look(shared::postgres::Connection& connection, shared::WallTime closed);
  void Tell(shared::WallTime now) const;

  const RollupOptions options_;
  PartitionKeeper& partitions_;
  const RollupMetrics metrics_;
  DayRoller roller_;
  std::deque<RollupDay> jobs_;  // oldest first
};

// Whether rollups say all that chunks of from <= time < to say: those may go.
shared::Result<bool> IsRolledUp(shared::postgres::Connection& connection, shared::WallTime from,
                                shared::WallTime to);

}  // namespace collector::storage
