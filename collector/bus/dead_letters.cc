#include "collector/bus/dead_letters.h"

#include "shared/log/log.h"

namespace collector::bus {
namespace {

using shared::ErrorCode;
using shared::Result;

constexpr size_t kMessageLimit = 2048;  // of the header that explains

}  // namespace

Result<std::unique_ptr<DeadLetters>> DeadLetters::Open(const config::Kafka& kafka) {
  ASSIGN_OR_RETURN(SyncProducer producer, SyncProducer::Open(kafka, "dead-letters"));
  return std::unique_ptr<DeadLetters>(new DeadLetters(kafka.dead_topic, std::move(producer)));
}

Result<Grave> DeadLetters::Bury(const ConsumedRecord& record, const Fault& fault) {
  const std::lock_guard lock(mutex_);
  Result<Grave> grave = Send(record, fault, false);
  if (grave || grave.error().code != ErrorCode::kInvalidInput) return grave;
  // What the topic does not take must not stop the partition for ever.
  shared::log::Error("record {} of {} [{}] is buried without its value: {}", record.offset,
                     record.topic, record.partition, grave.error().message);
  return Send(record, fault, true);
}

Result<Grave> DeadLetters::Send(const ConsumedRecord& record, const Fault& fault, bool emptied) {
  OutgoingRecord letter;
  letter.topic = topic_;
  letter.key = record.key;
  if (!emptied) letter.value = record.value;
  const auto add = [&](std::string_view name, std::string value) {
    letter.headers.emplace_back(name, std::move(value));
  };
  add(kDeadReason, fault.reason);
  add(kDeadMessage, fault.message.substr(0, kMessageLimit));
  add(kDeadTopic, record.topic);
  add(kDeadPartition, std::to_string(record.partition));
  add(kDeadOffset, std::to_string(record.offset));
  add(kDeadTimestamp, std::to_string(record.timestamp_ms));
  if (emptied) add(kDeadEmptied, "true");
  letter.headers.insert(letter.headers.end(), record.headers.begin(), record.headers.end());
  return producer_.Send(letter);
}

}  // namespace collector::bus
