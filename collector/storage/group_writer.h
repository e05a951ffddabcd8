#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collector/bus/record_store.h"
#include "collector/ingest/batch_store.h"
#include "collector/storage/batch_plan.h"
#include "collector/storage/failure.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/store_metrics.h"
#include "collector/storage/transfer.h"
#include "shared/wire/zstd.h"

namespace collector::storage {

// What became of a record from Kafka.
struct RecordOutcome {
  enum class Kind {
    kStored,   // now, or before: it was delivered again
    kLost,     // another process has its partition: nothing was stored
    kRefused,  // `fault` says why it can never be stored: bury it, then write it again
    kAgain,    // not yet: PostgreSQL is away, or an earlier record of its partition was refused
  };
  Kind kind = Kind::kAgain;
  bus::Fault fault{};  // kAgain: of the connection, if it has a message
};

// Stores groups of batches, each group in one transaction:
//
//   1. plan every batch: register what is new, decode every block (outside the transaction)
//   2. BEGIN; lock positions in order (transfer.h)
//   3. decide by offset and sequence what is new (stream_position.h)
//   4. one COPY a table
//   5. move the positions on; COMMIT, in one round trip
//
// When a group fails because of what a batch holds, each of its batches is tried alone: only the
// one at fault is refused. One thread, one connection at a time.
class GroupWriter {
 public:
  GroupWriter(const shared::Clock& clock, StoreLimits limits, PartitionKeeper& partitions,
              StoreMetrics& metrics)
      : clock_(clock), planner_(clock, limits), partitions_(partitions), metrics_(metrics) {}

  // One reply a batch, in order, after COMMIT (ingest/batch_store.h says what errors mean).
  std::vector<shared::Result<pgvigil::v1::BatchReply>> Write(
      shared::postgres::Connection& connection,
      std::span<const ingest::AcceptedBatch* const> batches);

  // One outcome a record, in order, after COMMIT. Those of a partition must stand in the order of
  // their offsets; no record is stored before one of its partition that stands before it.
  std::vector<RecordOutcome> WriteRecords(shared::postgres::Connection& connection,
                                          std::span<const bus::PendingRecord* const> records);

  // After the connection was lost.
  void Forget() { planner_.Forget(); }

 private:
  using Reply = shared::Result<pgvigil::v1::BatchReply>;

  // What is stored whole or not at all: a batch, or a record with its batches.
  struct Unit {
    size_t index = 0;  // in the group
    std::vector<BatchPlan> plans;
    const bus::PendingRecord* record = nullptr;
  };
  // For a unit without record the reply, else the outcome.
  struct Decision {
    Reply reply = pgvigil::v1::BatchReply();
    RecordOutcome outcome{};
  };

  // nullopt: `outcome` says why not.
  std::optional<Unit> PlanRecord(shared::postgres::Connection& connection,
                                 const bus::PendingRecord& record, RecordOutcome& outcome);
  shared::Result<std::vector<Decision>> StoreWithRetries(shared::postgres::Connection& connection,
                                                         std::span<Unit> units,
                                                         FailureKind& failure);
  shared::Result<std::vector<Decision>> Store(shared::postgres::Connection& connection,
                                              std::span<Unit> units, bool skip_known_blocks);
  shared::Result<void> Lock(shared::postgres::Connection& connection, std::span<Unit> units,
                            Transfer& transfer);
  Reply Decide(const BatchPlan& plan, Transfer& transfer);
  RecordOutcome DecideRecord(const Unit& unit, std::set<bus::PartitionId>& blocked,
                             Transfer& transfer);
  void Gather(const BatchPlan& plan, Transfer& transfer);
  void GatherChunk(const BatchPlan& plan, const PlannedChunk& chunk, Transfer& transfer);
  shared::Result<void> Copy(shared::postgres::Connection& connection, Transfer& transfer,
                            bool skip_known_blocks);
  void CountStored(const Transfer& transfer);

  const shared::Clock& clock_;
  BatchPlanner planner_;
  PartitionKeeper& partitions_;
  StoreMetrics& metrics_;
  shared::wire::Compressor compressor_;
  // By agent: when its status was written, and its capabilities then.
  struct StatusWritten {
    shared::MonotonicTime at;
    std::string capabilities;
  };
  std::map<int32_t, StatusWritten> statuses_;
  // Streams (agent, stream) of which a batch of the group under way could not be settled: those
  // after it must wait too, for an acknowledgement of theirs would acknowledge it. (Records are
  // acknowledged by their partition's offset instead.)
  std::set<StreamKey> held_;
};

}  // namespace collector::storage
