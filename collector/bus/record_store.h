#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/bus/lease.h"
#include "collector/ingest/batch_store.h"
#include "shared/base/result.h"

namespace collector::bus {

struct PartitionId {
  std::string topic;
  int32_t partition = 0;
  friend auto operator<=>(const PartitionId&, const PartitionId&) = default;
};

// A partition that was claimed, and how far it is stored.
struct Claim {
  std::shared_ptr<Lease> lease;
  int64_t next_offset = 0;
  std::optional<int64_t> anchor;  // of the record at next_offset - 1 (record.h); nullopt: unknown
  uint64_t generation = 1;        // grows when the topic was found to be made again
};

// Why a record cannot be stored.
struct Fault {
  std::string reason;   // few: a label of metrics. "undecodable"
  std::string message;  // for people
};

// Where the dead-letter topic has a record.
struct Grave {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
};

// A record on its way to the store.
struct PendingRecord {
  std::shared_ptr<Lease> lease;
  int64_t offset = 0;
  int64_t anchor = 0;
  // What it holds: one batch of an agent, or any number of a foreign producer's. Stored whole or
  // not at all.
  std::vector<ingest::AcceptedBatch> batches;
  size_t cost_bytes = 0;          // what it takes of the queue's bound
  size_t value_bytes = 0;         // as Kafka has it
  std::optional<int32_t> tenant;  // as headers say; for the row of a dead letter
  std::string agent_id;           // 16 bytes, or empty
  // Set: it could not be read, or the store refused it.
  std::optional<Fault> fault;
  // Publishes the original bytes to the dead-letter topic and waits a moment for the
  // acknowledgement. kUnavailable: not now; the lease is to be blocked. Called by a writer's
  // thread.
  std::function<shared::Result<Grave>(const Fault&)> bury;
  std::optional<Grave> grave;  // set once it is buried
};

enum class Reposition {
  kRecreated,  // other records stand where ours stood: the topic was made again
  kExpired,    // Kafka deleted records before they were stored
};

// What the consumer needs of storage. Positions live in PostgreSQL, moved by the transactions that
// store the records; so a record is stored exactly once whatever happens to the process.
class RecordStore {
 public:
  virtual ~RecordStore() = default;

  // Takes partitions over: whoever had them can store nothing more of them. Blocks for a round
  // trip, a few seconds while the transaction of a previous owner does not end; then the answer
  // lacks its partitions, to be tried again. kUnavailable: try again. One thread at a time.
  virtual shared::Result<std::vector<Claim>> ClaimPartitions(
      std::span<const PartitionId> partitions) = 0;
  // Sets where reading goes on, for a lease of which no record was submitted yet. kCancelled:
  // another process claimed the partition meanwhile. Same thread.
  virtual shared::Result<void> MovePosition(Lease& lease, int64_t next_offset, Reposition why) = 0;

  // Hands a record over; those of a partition in the order of their offsets. It is stored when
  // PostgreSQL is there, dropped when its lease is not held any more, which it blocks when it can
  // be neither stored nor buried; lease->next_offset() tells how far it is. Waits for room until
  // `deadline`. False: no room, or closed; `record` is untouched.
  virtual bool SubmitRecord(PendingRecord& record,
                            std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace collector::bus
