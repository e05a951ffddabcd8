#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "collector/storage/compaction/chunk_writer.h"
#include "collector/storage/compaction/compaction_metrics.h"
#include "collector/storage/compaction/stored_chunks.h"
#include "collector/storage/partition_keeper.h"

namespace collector::storage {

// Merges the chunks of ten minutes of an hour that is over into chunks of the hour, some families a
// transaction. Run thread only; references must outlive it.
class HourMerger {
 public:
  HourMerger(PartitionKeeper& partitions, const CompactionMetrics& metrics)
      : partitions_(partitions), metrics_(metrics), parts_(metrics) {}

  // Hours that have chunks of ten minutes, ascending; those of partitions that end by `closed`.
  shared::Result<std::vector<shared::WallTime>> FindHours(shared::postgres::Connection& connection,
                                                          shared::WallTime closed);
  // Merges a few hundred families of an hour, beginning after the family `after`. Returns the last
  // of them; nullopt: none was left.
  shared::Result<std::optional<int64_t>> MergeSome(shared::postgres::Connection& connection,
                                                   shared::WallTime hour, int64_t after);
  // Hours that were found to be merged may not be so any more: another owner was at work, or the
  // clock was set back.
  void Forget() { merged_.clear(); }
  // Of the last MergeSome that failed while it wrote; "" when it was something else.
  [[nodiscard]] const std::string& failed_sqlstate() const { return failed_sqlstate_; }

 private:
  shared::Result<std::vector<int64_t>> FindFamilies(shared::postgres::Connection& connection,
                                                    shared::WallTime hour, int64_t after);
  shared::Result<ChunkWriter::Totals> Rewrite(shared::postgres::Connection& connection,
                                              shared::WallTime hour,
                                              std::span<const int64_t> families);

  PartitionKeeper& partitions_;
  const CompactionMetrics& metrics_;
  // Are not asked for again: to find nothing takes a look at every row that was deleted.
  std::set<shared::WallTime> merged_;
  ChunkParts parts_;
  ChunkWriter writer_;
  FamilyWork work_;
  std::string failed_sqlstate_;
};

}  // namespace collector::storage
