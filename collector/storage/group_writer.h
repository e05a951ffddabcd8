#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collector/ingest/batch_store.h"
#include "collector/storage/batch_plan.h"
#include "collector/storage/failure.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/store_metrics.h"
#include "shared/wire/zstd.h"

namespace collector::storage {

// Stores groups of batches, each group in one transaction:
//
//   1. plan every batch: register what is new, decode every block (outside the transaction)
//   2. BEGIN; lock the rows of agent_stream in order; read how far the log files are
//   3. decide by sequence what is new (stream_position.h)
//   4. one COPY a table
//   5. move agent_stream and log_file on; COMMIT, in one round trip
//
// Rows of agent_stream are locked in the order of their key, so that groups of two collectors that
// share agents wait for each other instead of deadlocking; everything else that the transaction
// changes belongs to an agent whose row is locked.
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

  // After the connection was lost.
  void Forget() { planner_.Forget(); }

 private:
  using Reply = shared::Result<pgvigil::v1::BatchReply>;
  struct Transfer;  // what one transaction writes

  struct Item {
    const ingest::AcceptedBatch* accepted = nullptr;
    BatchPlan plan;
    size_t index = 0;  // in the group
  };

  shared::Result<std::vector<Reply>> StoreWithRetries(shared::postgres::Connection& connection,
                                                      std::span<Item> items, FailureKind& failure);
  shared::Result<std::vector<Reply>> Store(shared::postgres::Connection& connection,
                                           std::span<Item> items, bool skip_known_blocks);
  shared::Result<void> Lock(shared::postgres::Connection& connection, std::span<Item> items,
                            Transfer& transfer);
  Reply Decide(const Item& item, Transfer& transfer);
  void Gather(const Item& item, Transfer& transfer);
  shared::Result<void> Copy(shared::postgres::Connection& connection, Transfer& transfer,
                            bool skip_known_blocks);
  shared::Result<void> Commit(shared::postgres::Connection& connection, Transfer& transfer);
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
  // after it must wait too, or the first would look like a duplicate when it comes again.
  std::set<std::pair<int32_t, int>> held_;
};

}  // namespace collector::storage
