#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "collector/bus/record.h"
#include "collector/bus/sync_producer.h"
#include "collector/config/collector_config.h"
#include "shared/base/result.h"

namespace collector::bus {

// Headers that a dead letter has before those of its record:
inline constexpr std::string_view kDeadReason = "dead.reason";           // "undecodable"
inline constexpr std::string_view kDeadMessage = "dead.message";         // what exactly was wrong
inline constexpr std::string_view kDeadTopic = "dead.topic";             // where it came from
inline constexpr std::string_view kDeadPartition = "dead.partition";     // "3"
inline constexpr std::string_view kDeadOffset = "dead.offset";           // "4711"
inline constexpr std::string_view kDeadTimestamp = "dead.timestamp_ms";  // the record's own
inline constexpr std::string_view kDeadEmptied = "dead.emptied";  // "true": too large for the topic

// The way into kafka.dead_topic: key, value and headers as they were, and why. A producer of its
// own, slow and simple: one letter at a time. Thread-safe.
class DeadLetters {
 public:
  // Connects later. kInvalidInput: settings that cannot work.
  static shared::Result<std::unique_ptr<DeadLetters>> Open(const config::Kafka& kafka);

  // Waits until every replica in sync has it, at most kafka.delivery_timeout; then kUnavailable: it
  // may be there nevertheless, and twice after the next attempt.
  shared::Result<Grave> Bury(const ConsumedRecord& record, const Fault& fault);

 private:
  DeadLetters(std::string topic, SyncProducer producer)
      : topic_(std::move(topic)), producer_(std::move(producer)) {}
  shared::Result<Grave> Send(const ConsumedRecord& record, const Fault& fault, bool emptied);

  const std::string topic_;
  // Held while a letter is under way: the lock is the queue.
  std::mutex mutex_;
  SyncProducer producer_;
};

}  // namespace collector::bus
