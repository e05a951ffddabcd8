#include "collector/bus/replay.h"

#include <fmt/format.h>

#include <chrono>

#include "collector/bus/dead_letters.h"
#include "collector/bus/message.h"
#include "collector/bus/sync_producer.h"

namespace collector::bus {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr auto kReadTime = 15s;
constexpr int kPollMs = 100;

Result<Handle> OpenReader(const config::Kafka& kafka) {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(kafka, "replay"));
  RETURN_IF_ERROR(settings.Set("group.id", kafka.group + "-replay"));  // never joined
  RETURN_IF_ERROR(settings.Set("enable.auto.commit", "false"));
  RETURN_IF_ERROR(settings.Set("auto.offset.reset", "error"));
  ASSIGN_OR_RETURN(Handle handle, std::move(settings).Open(RD_KAFKA_CONSUMER));
  rd_kafka_poll_set_consumer(handle.get());
  return handle;
}

// The record at exactly that offset. kNotFound: there is none any more.
Result<ConsumedRecord> ReadAt(rd_kafka_t* reader, const Grave& grave) {
  TopicPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), grave.topic.c_str(), grave.partition)->offset =
      grave.offset;
  const std::string what = fmt::format("{} [{}]", grave.topic, grave.partition);
  if (const auto error = rd_kafka_assign(reader, list.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return tl::make_unexpected(ErrorOf(error, what));
  }
  const auto give_up = std::chrono::steady_clock::now() + kReadTime;
  while (std::chrono::steady_clock::now() < give_up) {
    const Message message(rd_kafka_consumer_poll(reader, kPollMs));
    if (!message) continue;
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset != grave.offset)) {
      return Fail(ErrorCode::kNotFound, "{} has no record {} any more", what, grave.offset);
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return CopyMessage(*message);
  }
  return Fail(ErrorCode::kUnavailable, "{}: record {} did not come within {} s", what, grave.offset,
              std::chrono::seconds(kReadTime).count());
}

// What was sent at first, of what lies in the dead-letter topic.
Result<OutgoingRecord> Original(const DeadLetter& letter, const ConsumedRecord& dead) {
  if (dead.Header(kDeadTopic) != letter.topic ||
      dead.Header(kDeadPartition) != std::to_string(letter.partition) ||
      dead.Header(kDeadOffset) != std::to_string(letter.offset)) {
    return Fail(ErrorCode::kNotFound, "{} [{}] has another record at {}: the topic was made again",
                letter.grave.topic, letter.grave.partition, letter.grave.offset);
  }
  if (!dead.Header(kDeadEmptied).empty()) {
    return Fail(ErrorCode::kNotFound, "it was too large for {}, which has no value of it",
                letter.grave.topic);
  }
  OutgoingRecord out;
  out.topic = letter.topic;
  out.key = dead.key;
  out.value = dead.value;
  for (const auto& header : dead.headers) {
    if (!header.first.starts_with("dead.")) out.headers.push_back(header);
  }
  return out;
}

}  // namespace

Result<ReplayReport> ReplayDeadLetters(const config::Kafka& kafka, DeadLetterIndex& index,
                                       const DeadLetterFilter& filter) {
  ASSIGN_OR_RETURN(const std::vector<DeadLetter> letters, index.List(filter));
  ReplayReport report;
  if (letters.empty()) return report;
  ASSIGN_OR_RETURN(const Handle reader, OpenReader(kafka));
  ASSIGN_OR_RETURN(SyncProducer producer, SyncProducer::Open(kafka, "replay"));
  for (const DeadLetter& letter : letters) {
    const auto replay = [&]() -> Result<void> {
      ASSIGN_OR_RETURN(const ConsumedRecord dead, ReadAt(reader.get(), letter.grave));
      ASSIGN_OR_RETURN(const OutgoingRecord record, Original(letter, dead));
      RETURN_IF_ERROR(producer.Send(record));
      return index.MarkReplayed(letter.id);
    };
    Result<void> done = replay();
    if (done) {
      report.replayed += 1;
    } else if (shared::IsRetryable(done.error().code)) {
      return tl::make_unexpected(std::move(done).error().With(
          fmt::format("dead letter {} ({} were replayed)", letter.id, report.replayed)));
    } else {
      report.failures.push_back(fmt::format("{}: {}", letter.id, done.error().message));
    }
  }
  rd_kafka_consumer_close(reader.get());
  return report;
}

}  // namespace collector::bus
