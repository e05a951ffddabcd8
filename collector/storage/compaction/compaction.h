#pragma once

#include <chrono>
#include <deque>
#include <set>
#include <string_view>
#include <vector>

#include "collector/storage/compaction/compaction_metrics.h"
#include "collector/storage/compaction/compaction_options.h"
#include "collector/storage/compaction/compaction_state.h"
#include "collector/storage/compaction/hour_merger.h"
#include "collector/storage/compaction/window_compactor.h"
#include "collector/storage/maintenance/chore.h"
#include "collector/storage/partition_keeper.h"
#include "shared/metrics/registry.h"

namespace collector::storage {

// Turns L0 into L1: windows of ten minutes become chunks soon after they closed, and those become
// chunks of the hour when it is over. An hour that is over already gets its blocks at once. Takes
// no lock on blocks beyond reading, so that it never holds up who writes them.
//
// What is to do is found in PostgreSQL, not by the clock; the clock only says what has closed: one
// that is wrong delays the work. Metrics: compaction_metrics.h. References must outlive it.
class Compaction final : public Chore {
 public:
  Compaction(CompactionOptions options, PartitionKeeper& partitions,
             shared::metrics::Registry& registry);

  [[nodiscard]] std::string_view name() const override { return "compaction"; }
  shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                shared::WallTime now,
                                                std::stop_token stop) override;

 private:
  using Budget = std::chrono::steady_clock::time_point;

  // A new session may be another server, or another owner was at work meanwhile.
  void StartOver(int backend_pid);
  // Fills jobs_ and hours_.
  shared::Result<void> Look(shared::postgres::Connection& connection, shared::WallTime now);
  void AddJobs(const std::vector<UncompactedWindow>& windows, shared::WallTime now);
  // Windows of partitions that are gone need not be known any more.
  static shared::Result<void> ForgetWindows(shared::postgres::Connection& connection,
                                            shared::WallTime before);
  shared::Result<void> CompactFront(shared::postgres::Connection& connection);
  shared::Result<void> MergeFront(shared::postgres::Connection& connection);
  [[nodiscard]] shared::WallTime Closed(shared::WallTime now) const;
  void TellLag(shared::WallTime now) const;

  const CompactionOptions options_;
  PartitionKeeper& partitions_;
  const CompactionMetrics metrics_;
  WindowCompactor compactor_;
  HourMerger merger_;
  int backend_pid_ = 0;
  shared::WallTime next_look_;
  shared::WallTime next_look_at_all_;
  shared::WallTime last_run_;
  std::deque<CompactionJob> jobs_;      // oldest first
  std::deque<shared::WallTime> hours_;  // to be merged, oldest first
  int64_t merged_family_ = 0;           // of the first of hours_: how far it is
  bool always_may_have_chunks_ = false;
};

}  // namespace collector::storage
