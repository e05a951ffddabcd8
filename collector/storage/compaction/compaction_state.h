#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

// What is in chunks already and what is not. The truth is in PostgreSQL (pgvigil.compacted_window
// against the blocks themselves), so that it survives a restart, a new owner and pg_dump.
namespace collector::storage {

// A block belongs whole to the window that its first_time is in; windows are whole multiples of ten
// minutes UTC.
inline constexpr std::chrono::minutes kCompactionWindow{10};

struct UncompactedWindow {
  int32_t host_id = 0;
  shared::WallTime window_start;
  bool late = false;  // was compacted before; blocks came since
};

// Windows that hold blocks which no chunk has, of all hosts, from `from` to `to` (whole windows),
// by time and host. Reads the keys of all blocks of that time.
shared::Result<std::vector<UncompactedWindow>> ReadUncompactedWindows(
    shared::postgres::Connection& connection, shared::WallTime from, shared::WallTime to);

// Whether every block with from <= first_time < to is in chunks: its partition may go. A block may
// come right after the answer: ask again once nothing can be added any more (detached).
shared::Result<bool> IsCompacted(shared::postgres::Connection& connection, shared::WallTime from,
                                 shared::WallTime to);

// The same of all blocks in `table`, a detached partition of pgvigil.block: nothing comes after it.
shared::Result<bool> IsTableCompacted(shared::postgres::Connection& connection,
                                      const std::string& table);

// Whether the chunks of ten minutes of that time (whole hours) are all in chunks of the hour.
shared::Result<bool> IsMerged(shared::postgres::Connection& connection, shared::WallTime from,
                              shared::WallTime to);

// The same of `table`, a detached partition of pgvigil.chunk_minutes: it has no chunk any more.
shared::Result<bool> IsTableEmpty(shared::postgres::Connection& connection,
                                  const std::string& table);

// Begins what writes chunks, in the caller's transaction: waits until nobody else does, for two
// collectors can both believe that they own maintenance while one's session is dying. The commit
// will not wait for the disk: what a crash of the server takes back is found and done again, and
// whatever is committed later (that blocks are dropped, say) is on disk later.
shared::Result<void> LockChunks(shared::postgres::Connection& connection);

}  // namespace collector::storage
