#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/chunks/chunk_merge.h"
#include "collector/storage/compaction/compaction_metrics.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// A chunk that was taken out of its table to be written anew.
struct StoredChunk {
  int64_t family_id = 0;
  shared::WallTime window_start;
  int16_t span_minutes = 0;
  int32_t host_id = 0;
  int16_t generation = 0;
  std::string data;
};

// Takes (DELETE … RETURNING, in the caller's transaction) the chunks of some families that lie in
// one hour: by family, the hour's own first, then by time. kInternal: one has a format that this
// collector does not know; it must not touch what a newer one wrote.
shared::Result<std::vector<StoredChunk>> TakeChunksOfHour(shared::postgres::Connection& connection,
                                                          shared::WallTime hour,
                                                          std::span<const int64_t> family_ids);
// The same of one window of ten minutes.
shared::Result<std::vector<StoredChunk>> TakeChunksOfWindow(
    shared::postgres::Connection& connection, shared::WallTime window_start,
    std::span<const int64_t> family_ids);

// Decoded chunks, which stay where they are until Clear. Run thread only.
class ChunkParts {
 public:
  explicit ChunkParts(const CompactionMetrics& metrics) : metrics_(metrics) {}
  // Adds the chunk's groups to `parts`. A damaged chunk is lost: counted, told, and replaced by
  // what the blocks still have.
  void Add(const StoredChunk& chunk, uint8_t source, std::vector<FamilyPart>& parts);
  // Before this, no view of a part may be in use.
  void Clear() { used_ = 0; }

 private:
  const CompactionMetrics& metrics_;
  ChunkDecoder decoder_;
  std::deque<std::vector<ChunkGroup>> chunks_;  // the first used_ are in use
  size_t used_ = 0;
};

}  // namespace collector::storage
