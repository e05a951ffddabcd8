#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collector/storage/missing_ranges.h"
#include "pgvigil/v1/logs.pb.h"

namespace collector::storage {

// How far a log file is stored, and what a chunk adds. Pure.
struct FilePosition {
  bool known = false;      // false: nothing stored yet; the first chunk may begin anywhere
  uint64_t offset = 0;     // end of the furthest chunk
  uint64_t gap_bytes = 0;  // that are missing between chunks: fewer again when they come late
  uint64_t lines = 0;
  MissingRanges missing{};  // below `offset`, not stored; what begins at 0 lies before all chunks
  uint64_t forgotten = 0;   // bytes given up since this was read, for want of room; not kept
};

// The records that are new, in order: those that begin beyond `position.offset` or in a range that
// is missing. Marks the bytes of the chunk as stored. At most 64 missing ranges are kept; the
// lowest are given up.
std::vector<const pgvigil::v1::LogRecord*> AdvanceFile(
    FilePosition& position, uint64_t begin_offset, uint64_t end_offset,
    std::span<const pgvigil::v1::LogRecord* const> records);

}  // namespace collector::storage
