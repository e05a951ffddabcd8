#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collector/bus/consumer_metrics.h"
#include "collector/bus/record.h"
#include "collector/bus/record_store.h"
#include "collector/config/collector_config.h"
#include "shared/base/clock.h"
#include "shared/concurrency/backoff.h"
#include "shared/concurrency/guarded.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector::bus {

class DeadLetters;
class GroupMember;
struct FetchError;

struct ConsumerOptions {
  config::Kafka kafka;
  RecordLimits limits;
  shared::Backoff::Config retry{std::chrono::milliseconds(250), std::chrono::seconds(10)};
};

// How far the store is behind a partition that this process has.
struct PartitionLag {
  PartitionId id;
  int64_t next_offset = 0;     // stored before it
  int64_t high_watermark = 0;  // Kafka's next one; -1: not known yet
  int64_t lag = 0;             // records
  bool paused = false;         // its writer is busy, or it is blocked
  std::string blocked;         // why its next record can be neither stored nor buried; "": it can
};

// Moves records of kafka.topic and kafka.sources to the store: one member of the group kafka.group,
// one thread, which never stops polling. Positions are PostgreSQL's (record_store.h):
//
//   assigned   claim the partitions (again and again while PostgreSQL is away), begin one record
//              before the position and compare it with the anchor: another record there, or an end
//              of the log before it, means that the topic was made again, and reading begins at its
//              beginning (agents' sequences tell what is stored). A position that Kafka's retention
//              passed is a loss: counted, logged, gone on from.
//   a record   read (record.h) and handed over; a partition whose writer has no room for longer
//              is paused.
//   blocked    a record that can be neither stored nor buried stops its partition alone: that is
//              claimed anew after a pause, and the record tried again. The dead-letter topic is
//              looked for again meanwhile.
//   revoked    the lease is revoked, what is under way waited for, and the rest forgotten: the next
//              owner gets it.
//
// Group offsets in Kafka are committed now and then, after PostgreSQL's, for lag tools only. A
// consumer that librdkafka gives up on (a fatal error) is replaced by a new one, and so is one
// whose topic was deleted under it: of partitions that come back librdkafka 2.0.2 may fetch
// nothing.
//
// Metrics: consumer_metrics.h.
class Consumer {
 public:
  // Starts; connects by itself, now or later. kInvalidInput: settings that cannot work. References
  // must outlive it.
  static shared::Result<std::unique_ptr<Consumer>> Open(ConsumerOptions options, RecordStore& store,
                                                        const shared::Clock& clock,
                                                        shared::metrics::Registry& registry);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Leaves the group; returns when nothing of its partitions is under way any more. To be called
  // before the store is closed. Idempotent.
  void Stop();

  // Whether this process is a member of the group and holds what it was assigned.
  [[nodiscard]] shared::Result<void> Ready() const;
  // Of the partitions that this process has; about a second old.
  [[nodiscard]] std::vector<PartitionLag> Lag() const;

  // For tests: as if librdkafka had met an error that it cannot recover from.
  void FailFatally() { fail_ = true; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  // Why and where a partition does not go on.
  struct Block {
    int64_t offset = 0;
    int times = 0;  // in a row
    std::string why;
  };
  // A partition that the group assigned to us.
  struct Partition {
    std::shared_ptr<Lease> lease;  // null: not claimed yet
    Time due{};                    // of the next claim
    uint64_t generation = 1;
    int64_t next = 0;  // offset of the next record to take; GroupMember::kFromBeginning
    std::optional<int64_t> anchor;  // of the record at `next`, which must prove the topic first
    Time check_at{};                // when it has not by then, we ask how long the log is
    std::optional<Time> first_due;  // of the first record since the topic was made again
    bool submitted = false;         // a record under this lease
    std::optional<PendingRecord> waiting;  // its writer had no room; paused meanwhile
    bool paused = false;
    int64_t committed = -1;      // to Kafka
    std::optional<Block> block;  // stays when the partition is claimed anew
  };
  using Partitions = std::map<PartitionId, Partition>;

  Consumer(ConsumerOptions options, RecordStore& store, std::unique_ptr<DeadLetters> dead_letters,
           const shared::Clock& clock, shared::metrics::Registry& registry);

  void Run(std::stop_token stop);
  [[nodiscard]] shared::Result<std::unique_ptr<GroupMember>> Join();
  void LookForTopics();
  void Replace(std::string_view why);
  void Round();
  void Leave();
  void OnAssigned(std::vector<PartitionId> ids);
  void OnRevoked();

  void TakeError(const FetchError& error);
  void TakeRecord(ConsumedRecord record);
  void Hand(ConsumedRecord record, const PartitionId& id, Partition& partition);
  void Submit(const PartitionId& id, Partition& partition, PendingRecord record);
  void SubmitWaiting();

  void ClaimDue();
  static void Forget(Partition& partition);
  void Hold(Claim claim);
  void LookAfter(const PartitionId& id, Partition& partition);
  // Gives the lease up and claims the partition anew after `pause`.
  void Restart(const PartitionId& id, Partition& partition, std::chrono::milliseconds pause,
               const std::string& why);
  void BlockPartition(const PartitionId& id, Partition& partition, const std::string& why);
  void CheckPosition(const PartitionId& id, Partition& partition);
  void Move(const PartitionId& id, Partition& partition, int64_t offset, Reposition why);
  void Release(Partition& partition);
  void ReleaseAll();
  // Tells Kafka what to fetch, and from where.
  void Fetch();
  void Pause(const PartitionId& id, Partition& partition, bool paused);

  void Report();
  void CommitGroupOffsets();
  [[nodiscard]] const config::KafkaSource* SourceOf(const std::string& topic) const;

  struct Health {
    bool joined = false;
    std::optional<std::string> trouble;
    std::vector<PartitionLag> lag;
  };

  const ConsumerOptions options_;
  RecordStore& store_;
  const shared::Clock& clock_;
  // Shared with records under way, which may outlive the consumer in a writer.
  const std::shared_ptr<DeadLetters> dead_letters_;
  ConsumerMetrics metrics_;
  shared::Guarded<Health> health_;
  std::atomic<bool> fail_ = false;
  // Run thread only:
  std::unique_ptr<GroupMember> member_;
  Partitions partitions_;
  shared::Backoff backoff_;
  bool refetch_ = false;
  bool topics_there_ = false;
  Time next_look_{};
  Time next_join_{};
  // While this member had partitions of it, or it fetches nothing since one was made again.
  bool topic_was_gone_ = false;
  Time next_report_{};
  Time next_commit_{};
  shared::log::RateLimit warn_limit_;
  shared::log::RateLimit claim_limit_;
  shared::log::RateLimit restart_limit_;
  std::jthread thread_;  // last
};

}  // namespace collector::bus
