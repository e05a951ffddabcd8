#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/storage/compaction/chunk_writer.h"
#include "collector/storage/compaction/compaction_metrics.h"
#include "collector/storage/compaction/compaction_state.h"
#include "collector/storage/compaction/family_keeper.h"
#include "collector/storage/compaction/stored_chunks.h"
#include "collector/storage/partition_keeper.h"
#include "shared/wire/block_codec.h"

namespace collector::storage {

// Some windows whose blocks become chunks of one window each family: of ten minutes, or of the hour
// that they lie in.
struct CompactionJob {
  shared::WallTime window_start;
  std::chrono::minutes span{10};
  std::vector<UncompactedWindow> windows;  // of that span; those of a host side by side
  // False: there can be no chunks of these windows yet, so that none is looked for.
  bool may_have_chunks = true;
};

// Compacts windows: reads their blocks, merges them with the chunks that are there, writes chunks,
// pgvigil.compacted_window and pgvigil.rollup_dirty in one transaction. Run again it changes
// nothing; cut short it has changed nothing. Run thread only; references must outlive it.
class WindowCompactor {
 public:
  WindowCompactor(PartitionKeeper& partitions, const CompactionMetrics& metrics)
      : partitions_(partitions), metrics_(metrics), chunk_parts_(metrics) {}

  // Compacts windows from the front of the job, those of whole hosts, until their blocks are about
  // 16 MiB (at least one host's). Returns how many of job.windows it took. failed_sqlstate() is
  // 23505 when may_have_chunks was false and is not true; 23514 when a partition vanished.
  shared::Result<size_t> Compact(shared::postgres::Connection& connection,
                                 const CompactionJob& job);

  // Of the last Compact that failed in its transaction; "" when it was something else.
  [[nodiscard]] const std::string& failed_sqlstate() const { return failed_sqlstate_; }

  // Another database may be behind the next connection.
  void Forget() { families_.Forget(); }

 private:
  // What is to be told of one window.
  struct WindowRecord {
    int64_t blocks = 0;
    uint64_t fingerprint = 0;
    uint64_t samples = 0;
    uint64_t duplicates = 0;
    uint64_t damaged = 0;
  };
  using WindowKey = std::pair<int32_t, shared::WallTime>;  // host, window_start
  struct Size {
    size_t windows = 0;  // of the job
    std::vector<int64_t> layout_ids;
  };

  shared::Result<Size> MeasureFront(shared::postgres::Connection& connection,
                                    const CompactionJob& job);
  shared::Result<void> CompactWindows(shared::postgres::Connection& connection,
                                      const CompactionJob& job,
                                      std::span<const UncompactedWindow> windows);
  // Within the transaction.
  shared::Result<ChunkWriter::Totals> Write(shared::postgres::Connection& connection,
                                            const CompactionJob& job,
                                            std::span<const UncompactedWindow> windows);
  // Hosts with a block whose layout came to be after FamilyKeeper was asked are left for later.
  void FindFamilies(const shared::postgres::Rows& blocks);
  shared::Result<void> TakeChunks(shared::postgres::Connection& connection,
                                  const CompactionJob& job);
  // Rows begin to end, all of one host.
  void WriteHost(const shared::postgres::Rows& blocks, size_t begin, size_t end,
                 const CompactionJob& job);
  void AddBlock(const shared::postgres::Rows& blocks, size_t row, const CompactionJob& job);
  FamilyWork& WorkOf(int64_t family_id, int32_t host_id);
  shared::Result<void> Record(shared::postgres::Connection& connection);
  shared::model::Block& NextBlock();

  PartitionKeeper& partitions_;
  const CompactionMetrics& metrics_;
  FamilyKeeper families_;
  ChunkWriter writer_;
  ChunkParts chunk_parts_;
  shared::wire::BlockDecoder decoder_;

  // Of the transaction under way:
  std::set<int32_t> skipped_hosts_;
  std::vector<int64_t> family_ids_;
  std::vector<StoredChunk> chunks_;
  std::map<WindowKey, WindowRecord> records_;
  std::set<WindowKey> dirty_hours_;
  double new_duplicates_ = 0;
  std::string failed_sqlstate_;
  // Of the host under way:
  std::deque<shared::model::Block> blocks_;
  size_t blocks_used_ = 0;
  std::unordered_map<int64_t, size_t> work_of_family_;
  std::vector<FamilyWork> work_;
};

}  // namespace collector::storage
