#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "collector/bus/client.h"
#include "collector/bus/record.h"
#include "collector/bus/record_store.h"
#include "collector/config/collector_config.h"
#include "shared/base/result.h"

namespace collector::bus {

// What Kafka says instead of a record.
struct FetchError {
  enum class Kind {
    kGone,        // the topic (partition < 0) or the partition does not exist
    kOutOfRange,  // there is no record where we read
    kOther,       // a broker that is away, a permission: librdkafka tries again
  };
  Kind kind = Kind::kOther;
  PartitionId id;       // "": of no topic
  std::string message;  // librdkafka's words
};

// The offsets of a partition's oldest record and of its next one.
struct LogRange {
  int64_t low = 0;
  int64_t high = 0;
};

// One member of the group kafka.group, on librdkafka: what Consumer (consumer.h) tells Kafka to do,
// without what it decides. Eager assignment; offsets are the caller's business. One thread, which
// must poll again within five minutes.
class GroupMember {
 public:
  // Called within Poll. After on_revoked (and before on_assigned, when something is held) nothing
  // is fetched any more.
  struct Listener {
    std::function<void(std::vector<PartitionId>)> on_assigned;
    std::function<void()> on_revoked;
  };

  // Subscribes to kafka.topic and kafka.sources; connects later. kInvalidInput: settings that
  // cannot work.
  static shared::Result<std::unique_ptr<GroupMember>> Open(const config::Kafka& kafka,
                                                           Listener listener);

  // The next record, an error, or nothing (monostate) within `wait`.
  std::variant<std::monostate, ConsumedRecord, FetchError> Poll(std::chrono::milliseconds wait);

  // Fetches these partitions, from there on (RD_KAFKA_OFFSET_BEGINNING as kFromBeginning), and no
  // others. Forgets what was fetched ahead.
  void Fetch(const std::map<PartitionId, int64_t>& positions);
  void Pause(const PartitionId& id, bool paused);

  // As the last fetch told; nullopt: not known yet. Waits for nothing.
  [[nodiscard]] std::optional<LogRange> KnownRange(const PartitionId& id) const;
  // Asks the broker, for at most five seconds.
  [[nodiscard]] shared::Result<LogRange> AskRange(const PartitionId& id) const;

  // For lag tools; without waiting for the answer.
  void CommitOffsets(const std::map<PartitionId, int64_t>& next_offsets);

  // Whether librdkafka has given up on it: only a new one helps.
  [[nodiscard]] bool HasFailed() const;
  // For tests: as if it had.
  void FailFatally();

  // Leaves the group; on_revoked is not called. The last call. A member that does not come to its
  // end within ten seconds is left behind as by Abandon.
  void Close();
  // The same for one that failed or lost a topic, where leaving and even the end of the handle may
  // wait for ever (seen with librdkafka 2.0.2): says nothing to the group, which forgets us when
  // the session is over, and leaves the handle to a thread that nobody waits for.
  void Abandon();

  static constexpr int64_t kFromBeginning = RD_KAFKA_OFFSET_BEGINNING;

 private:
  explicit GroupMember(Listener listener) : listener_(std::move(listener)) {}
  static void OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                          rd_kafka_topic_partition_list_t* list, void* self);
  // Whether the group knows by then that we are gone.
  bool LeaveBy(std::chrono::steady_clock::time_point deadline);
  // Ends the handle in a thread of its own; it is waited for no longer than that.
  void EndBy(std::chrono::steady_clock::time_point deadline);

  const Listener listener_;
  bool closing_ = false;
  Handle handle_;
};

}  // namespace collector::bus
