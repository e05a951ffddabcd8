#include "collector/bus/group_member.h"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "collector/bus/message.h"
#include "shared/log/log.h"

namespace collector::bus {
namespace {

using namespace std::chrono_literals;
using shared::Result;
using std::chrono::milliseconds;
using Deadline = std::chrono::steady_clock::time_point;

constexpr int kAskMs = 5'000;
constexpr auto kCloseTime = 10s;
constexpr int kCloseStepMs = 100;
// Claims may wait for PostgreSQL within Poll's callbacks (storage: 20 s a time): far below this.
constexpr int64_t kPollIntervalMs = 300'000;

TopicPartitions ListOf(const PartitionId& id) {
  TopicPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition);
  return list;
}

TopicPartitions ListOf(const std::map<PartitionId, int64_t>& offsets) {
  TopicPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [id, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition)->offset = offset;
  }
  return list;
}

FetchError::Kind KindOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return FetchError::Kind::kGone;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return FetchError::Kind::kOutOfRange;
    default:
      return FetchError::Kind::kOther;
  }
}

}  // namespace

Result<std::unique_ptr<GroupMember>> GroupMember::Open(const config::Kafka& kafka,
                                                       Listener listener) {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(kafka, "consumer"));
  const std::pair<const char*, std::string> kSettings[] = {
      {"group.id", kafka.group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},  // out of range is for the caller to decide
      // Eager: librdkafka's cooperative assignor delivers twice on resume (#4637).
      {"partition.assignment.strategy", "range,roundrobin"},
      {"session.timeout.ms", std::to_string(kafka.session_timeout.count())},
      {"max.poll.interval.ms",
       std::to_string(std::max<int64_t>(kPollIntervalMs, kafka.session_timeout.count()))},
      {"topic.metadata.refresh.interval.ms", "10000"},
      {"fetch.wait.max.ms", "100"},
      {"queued.max.messages.kbytes", "16384"},
  };
  for (const auto& [name, value] : kSettings) RETURN_IF_ERROR(settings.Set(name, value));
  std::unique_ptr<GroupMember> out(new GroupMember(std::move(listener)));  // private constructor
  rd_kafka_conf_set_opaque(settings.native(), out.get());
  rd_kafka_conf_set_rebalance_cb(settings.native(), OnRebalance);
  ASSIGN_OR_RETURN(out->handle_, std::move(settings).Open(RD_KAFKA_CONSUMER));
  rd_kafka_poll_set_consumer(out->handle_.get());
  TopicPartitions topics = ListOf(PartitionId{kafka.topic, RD_KAFKA_PARTITION_UA});
  for (const config::KafkaSource& source : kafka.sources) {
    rd_kafka_topic_partition_list_add(topics.get(), source.topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  if (const auto error = rd_kafka_subscribe(out->handle_.get(), topics.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return tl::make_unexpected(ErrorOf(error, "subscribe"));
  }
  return out;
}

void GroupMember::OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                              rd_kafka_topic_partition_list_t* list, void* opaque) {
  auto& self = *static_cast<GroupMember*>(opaque);
  if (error != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS || self.closing_) {
    if (!self.closing_) self.listener_.on_revoked();
    rd_kafka_assign(handle, nullptr);
    return;
  }
  std::vector<PartitionId> ids;
  for (int i = 0; i < list->cnt; ++i) {
    ids.push_back({list->elems[i].topic, list->elems[i].partition});
  }
  self.listener_.on_assigned(std::move(ids));
}

std::variant<std::monostate, ConsumedRecord, FetchError> GroupMember::Poll(milliseconds wait) {
  const Message message(rd_kafka_consumer_poll(handle_.get(), static_cast<int>(wait.count())));
  if (!message) return std::monostate();
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return CopyMessage(*message);
  FetchError error;
  error.kind = KindOf(message->err);
  error.id.topic = message->rkt == nullptr ? "" : rd_kafka_topic_name(message->rkt);
  error.id.partition = message->partition;
  error.message = rd_kafka_message_errstr(message.get());
  return error;
}

void GroupMember::Fetch(const std::map<PartitionId, int64_t>& positions) {
  const TopicPartitions list = ListOf(positions);
  if (const auto error = rd_kafka_assign(handle_.get(), list.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    shared::log::Error("kafka: {}", ErrorOf(error, "assign").message);
  }
}

void GroupMember::Pause(const PartitionId& id, bool paused) {
  const TopicPartitions list = ListOf(id);
  if (paused) {
    rd_kafka_pause_partitions(handle_.get(), list.get());
  } else {
    rd_kafka_resume_partitions(handle_.get(), list.get());
  }
}

std::optional<LogRange> GroupMember::KnownRange(const PartitionId& id) const {
  LogRange range;
  if (rd_kafka_get_watermark_offsets(handle_.get(), id.topic.c_str(), id.partition, &range.low,
                                     &range.high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      range.high < 0) {
    return std::nullopt;
  }
  return range;
}

Result<LogRange> GroupMember::AskRange(const PartitionId& id) const {
  LogRange range;
  const auto error = rd_kafka_query_watermark_offsets(handle_.get(), id.topic.c_str(), id.partition,
                                                      &range.low, &range.high, kAskMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return tl::make_unexpected(ErrorOf(error, "how long is the log"));
  }
  return range;
}

void GroupMember::CommitOffsets(const std::map<PartitionId, int64_t>& next_offsets) {
  if (!next_offsets.empty()) rd_kafka_commit(handle_.get(), ListOf(next_offsets).get(), 1);
}

bool GroupMember::HasFailed() const {
  return rd_kafka_fatal_error(handle_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

void GroupMember::FailFatally() {
  rd_kafka_test_fatal_error(handle_.get(), RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "as a test wants");
}

bool GroupMember::LeaveBy(Deadline deadline) {
  const Queue queue(rd_kafka_queue_new(handle_.get()));
  const NativeError refused(rd_kafka_consumer_close_queue(handle_.get(), queue.get()));
  if (refused) return false;
  while (rd_kafka_consumer_closed(handle_.get()) == 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    const Event event(rd_kafka_queue_poll(queue.get(), kCloseStepMs));
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(handle_.get(), nullptr);
    }
  }
  return true;
}

void GroupMember::EndBy(Deadline deadline) {
  std::promise<void> ended;
  const std::future<void> end = ended.get_future();
  std::thread([handle = handle_.release(), ended = std::move(ended)]() mutable {
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    ended.set_value();
  }).detach();
  end.wait_until(deadline);
}

void GroupMember::Close() {
  if (HasFailed()) return Abandon();
  closing_ = true;
  const Deadline deadline = std::chrono::steady_clock::now() + kCloseTime;
  if (LeaveBy(deadline)) return EndBy(deadline);
  shared::log::Warn("kafka: the group was not left within {} s; it forgets us later",
                    kCloseTime.count());
  EndBy({});
}

void GroupMember::Abandon() {
  closing_ = true;
  EndBy({});
}

}  // namespace collector::bus
