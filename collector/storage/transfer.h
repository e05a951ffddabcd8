#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collector/bus/record_store.h"
#include "collector/storage/batch_plan.h"
#include "collector/storage/logs/file_position.h"
#include "collector/storage/logs/log_rows.h"
#include "collector/storage/metric_rows.h"
#include "collector/storage/stream_position.h"

namespace collector::storage {

using StreamKey = std::pair<int32_t, int>;                 // agent, stream
using RefusalKey = std::tuple<int32_t, int, std::string>;  // agent, stream, reason

// What one transaction reads under lock, decides on and writes: positions, and rows for each table.
// Filled by LockPositions and the GroupWriter; points into batches and records.
struct Transfer {
  struct Stream {
    StreamPosition position;
    std::optional<shared::WallTime> last_event;
    bool moved = false;
  };
  struct Partition {
    int64_t epoch = 0;  // 0: no row, deleted by hand
    int64_t next_offset = 0;
    int64_t anchor = 0;
    bool moved = false;
  };
  struct Refused {
    uint64_t items = 0;
    std::string example;
  };

  // Positions; those that the transaction needs stand here, without values, before LockPositions.
  std::map<bus::PartitionId, Partition> partitions;
  std::map<StreamKey, Stream> streams;
  std::map<int64_t, FilePosition> files;

  std::vector<BlockRow> blocks;
  std::vector<BlockRow> foreign_blocks;  // those that exist already are skipped
  std::vector<LogBlockRow> log_blocks;
  std::vector<LogEventRow> log_events;
  std::vector<PlannedInterval> intervals;
  std::map<RefusalKey, Refused> refused;
  std::map<int32_t, const pgvigil::v1::AgentStatus*> statuses;  // by agent
  std::vector<const bus::PendingRecord*> dead_letters;          // each has a fault and a grave

  uint64_t stored = 0, duplicates = 0, waiting = 0, samples = 0, lines = 0, bytes = 0;
};

// Begins a transaction, locks the rows of kafka_position and then of agent_stream, each in the
// order of their keys, and reads how far they and the files are: one round trip. Two collectors
// that share partitions or agents wait for each other instead of deadlocking; everything else that
// the transaction changes belongs to an agent whose row is locked. kNotFound: rows of agents or
// files were deleted by hand.
shared::Result<void> LockPositions(shared::postgres::Connection& connection, Transfer& transfer);

// Writes dead letters, refusals and statuses, moves all positions on, and commits: one round trip.
// Without an answer to COMMIT it stays unknown whether it happened: kUnavailable, and the positions
// tell when the same comes again.
shared::Result<void> MovePositionsAndCommit(shared::postgres::Connection& connection,
                                            const Transfer& transfer);

}  // namespace collector::storage
