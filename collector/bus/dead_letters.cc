#include "collector/bus/dead_letters.h"

#include <optional>
#include <utility>

#include "shared/log/log.h"

namespace collector::bus {
namespace {

using shared::ErrorCode;
using shared::Result;

constexpr size_t kMessageLimit = 2048;  // of the header that explains
constexpr std::chrono::milliseconds kPatience{2'000};
// A letter whose record nobody asks for any more: its partition went to another process.
constexpr std::chrono::minutes kForgetAfter{15};  // above kafka.delivery_timeout, 10 at most

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
  const Key key{record.topic, record.partition, record.offset, AnchorOf(record.value)};
  if (!letters_.contains(key)) {
    ForgetOld();
    ASSIGN_OR_RETURN(auto sending, producer_.Start(LetterOf(record, fault, emptied)));
    letters_[key] = {std::move(sending), std::chrono::steady_clock::now()};
  }
  std::optional<Result<Grave>> result =
      producer_.Wait(*letters_[key].sending, overdue_ ? std::chrono::milliseconds(0) : kPatience);
  if (!result) {
    overdue_ = true;
    return shared::Fail(ErrorCode::kUnavailable, "{} does not take it", topic_);
  }
  letters_.erase(key);
  if (*result) overdue_ = false;
  return std::move(*result);
}

OutgoingRecord DeadLetters::LetterOf(const ConsumedRecord& record, const Fault& fault,
                                     bool emptied) const {
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
  return letter;
}

void DeadLetters::ForgetOld() {
  const auto old = std::chrono::steady_clock::now() - kForgetAfter;
  std::erase_if(letters_, [&](const auto& one) {
    return one.second.sending->done && one.second.begun < old;
  });
}

}  // namespace collector::bus
