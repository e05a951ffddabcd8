#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

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
// own, slow and simple. Thread-safe.
class DeadLetters {
 public:
  // Connects later. kInvalidInput: settings that cannot work.
  static shared::Result<std::unique_ptr<DeadLetters>> Open(const config::Kafka& kafka);

  // Where it is, once every replica in sync has it. Waits for a moment only (two seconds; not at
  // all while letters before it are overdue), for whoever calls has other records to see to; then
  // kUnavailable: call again with the same record, to hear what became of it. A letter that does
  // not arrive within kafka.delivery_timeout is sent anew by the next call, and may be there twice.
  shared::Result<Grave> Bury(const ConsumedRecord& record, const Fault& fault);

 private:
  // A letter under way, for the next call with its record.
  struct Letter {
    std::unique_ptr<SyncProducer::Sending> sending;
    std::chrono::steady_clock::time_point begun;
  };
  using Key = std::tuple<std::string, int32_t, int64_t, int64_t>;  // topic … offset, anchor

  DeadLetters(std::string topic, SyncProducer producer)
      : topic_(std::move(topic)), producer_(std::move(producer)) {}
  shared::Result<Grave> Send(const ConsumedRecord& record, const Fault& fault, bool emptied);
  [[nodiscard]] OutgoingRecord LetterOf(const ConsumedRecord& record, const Fault& fault,
                                        bool emptied) const;
  void ForgetOld();

  const std::string topic_;
  std::mutex mutex_;
  // Under mutex_, which is held while we wait: the lock is the queue.
  std::map<Key, Letter> letters_;
  bool overdue_ = false;
  SyncProducer producer_;  // goes before letters_
};

}  // namespace collector::bus
