#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/chunks/chunk_merge.h"
#include "shared/base/clock.h"
#include "shared/postgres/connection.h"
#include "shared/postgres/copy.h"

namespace collector::storage {

// A family whose chunk is made: all that is known of it in a window.
struct FamilyWork {
  int64_t family_id = 0;
  int32_t host_id = 0;
  int16_t generation = 0;
  std::vector<FamilyPart> parts;  // by priority
};

// Writes chunks of one window by COPY, within the caller's transaction; encodes while the server
// stores what came before. Run thread only.
class ChunkWriter {
 public:
  struct Totals {
    uint64_t samples = 0;
    uint64_t chunks = 0;
    uint64_t bytes = 0;
    uint64_t left_out = 0;
  };

  // `span` is 10 minutes or an hour. Until Finish nothing else may use the connection.
  shared::Result<void> Begin(shared::postgres::Connection& connection,
                             shared::WallTime window_start, std::chrono::minutes span);
  MergeCounts Put(FamilyWork& work);
  // What was stored; kInvalidInput with SQLSTATE 23505 when a chunk was there already.
  shared::Result<Totals> Finish();

 private:
  std::optional<shared::postgres::CopyIn> copy_;
  shared::WallTime window_start_;
  int16_t span_minutes_ = 0;
  Totals totals_;
  ChunkMerger merger_;
  ChunkEncoder encoder_;
  std::vector<ChunkGroup> groups_;
  std::string data_;
};

}  // namespace collector::storage
