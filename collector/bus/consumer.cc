#include "collector/bus/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collector/bus/message.h"
#include "collector/bus/topics.h"
#include "shared/concurrency/thread_name.h"

namespace collector::bus {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Result;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kPollTime = 100ms;
constexpr auto kBusyPollTime = 10ms;  // while a partition waits for its writer
// How long a writer may keep us before the partition is paused; what was fetched ahead is thrown
// away then.
constexpr auto kRoomTime = 200ms;
constexpr auto kReportInterval = 1s;
constexpr auto kCommitInterval = 5s;
constexpr auto kRevokeTime = 5s;
constexpr auto kAnchorTime = 2s;  // until the record before the position should have come
constexpr auto kRestartPause = 1s;
constexpr int kQueryMs = 5'000;
constexpr auto kTopicsTime = 5s;

PartitionId IdOf(const rd_kafka_topic_partition_t& one) {
  return {one.topic, one.partition};
}

}  // namespace

Result<std::unique_ptr<Consumer>> Consumer::Open(ConsumerOptions options, RecordStore& store,
                                                 const shared::Clock& clock,
                                                 shared::metrics::Registry& registry) {
  ASSIGN_OR_RETURN(std::unique_ptr<DeadLetters> dead_letters, DeadLetters::Open(options.kafka));
  std::unique_ptr<Consumer> out(
      new Consumer(std::move(options), store, std::move(dead_letters), clock, registry));
  ASSIGN_OR_RETURN(out->handle_, out->Connect());
  out->thread_ = std::jthread([self = out.get()](std::stop_token stop) { self->Run(stop); });
  return out;
}

Consumer::Consumer(ConsumerOptions options, RecordStore& store,
                   std::unique_ptr<DeadLetters> dead_letters, const shared::Clock& clock,
                   shared::metrics::Registry& registry)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      registry_(registry),
      dead_letters_(std::move(dead_letters)),
      rebalances_(registry.AddCounter("collector_kafka_rebalances_total",
                                      "Times the group gave us partitions.")),
      recreated_topics_(registry.AddCounter(
          "collector_kafka_topics_recreated_total",
          "Partitions read from their beginning because the topic had been made again.")),
      expired_records_(registry.AddCounter("collector_kafka_expired_records_total",
                                           "Records that Kafka deleted before they were stored.")),
      recreated_(registry.AddCounter("collector_kafka_consumers_recreated_total",
                                     "Consumers replaced after a fatal error.")),
      assigned_(registry.AddGauge("collector_kafka_assigned_partitions",
                                  "Partitions that this process has.")),
      backoff_(options_.retry, static_cast<uint64_t>(clock.Now().time_since_epoch().count())) {}

void Consumer::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> Consumer::Ready() const {
  return health_.With([](const Health& health) -> Result<void> {
    if (health.trouble) return shared::Fail(ErrorCode::kUnavailable, "{}", *health.trouble);
    if (!health.joined) {
      return shared::Fail(ErrorCode::kUnavailable, "kafka: not a member of the group yet");
    }
    return {};
  });
}

std::vector<PartitionLag> Consumer::Lag() const {
  return health_.With([](const Health& health) { return health.lag; });
}

Result<Handle> Consumer::Connect() {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(options_.kafka, "consumer"));
  const std::pair<const char*, std::string> kSettings[] = {
      {"group.id", options_.kafka.group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      // Out of range is for us to decide: CheckPosition.
      {"auto.offset.reset", "error"},
      // Eager: librdkafka's cooperative assignor delivers twice on resume (#4637).
      {"partition.assignment.strategy", "range,roundrobin"},
      {"session.timeout.ms", std::to_string(options_.kafka.session_timeout.count())},
      {"max.poll.interval.ms",
       std::to_string(std::max<int64_t>(300'000, options_.kafka.session_timeout.count()))},
      {"topic.metadata.refresh.interval.ms", "10000"},
      {"fetch.wait.max.ms", "100"},
      {"queued.max.messages.kbytes", "16384"},
  };
  for (const auto& [name, value] : kSettings) RETURN_IF_ERROR(settings.Set(name, value));
  rd_kafka_conf_set_opaque(settings.native(), this);
  rd_kafka_conf_set_rebalance_cb(settings.native(), OnRebalance);
  ASSIGN_OR_RETURN(Handle handle, std::move(settings).Open(RD_KAFKA_CONSUMER));
  rd_kafka_poll_set_consumer(handle.get());
  TopicPartitions topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options_.kafka.topic.c_str(),
                                    RD_KAFKA_PARTITION_UA);
  for (const config::KafkaSource& source : options_.kafka.sources) {
    rd_kafka_topic_partition_list_add(topics.get(), source.topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  if (const auto error = rd_kafka_subscribe(handle.get(), topics.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return tl::make_unexpected(ErrorOf(error, "subscribe"));
  }
  return handle;
}

void Consumer::Run(std::stop_token stop) {
  shared::SetThreadName("kafka-consumer");
  bool topics_there = false;
  SteadyClock::time_point next_look{};
  while (!stop.stop_requested()) {
    if (!topics_there && SteadyClock::now() >= next_look) {
      const std::string wanted[] = {options_.kafka.topic, options_.kafka.dead_topic};
      const auto found = EnsureTopics(options_.kafka, wanted, kTopicsTime);
      topics_there = found.has_value();
      next_look = SteadyClock::now() + 10s;
      health_.With([&](Health& health) {
        health.trouble = found ? std::nullopt : std::optional(found.error().message);
      });
      uint64_t suppressed = 0;
      if (!found && warn_limit_.Allow(&suppressed)) {
        shared::log::Warn("kafka: {} ({} more such failures)", found.error().message, suppressed);
      }
    }
    Round();
    if (rd_kafka_fatal_error(handle_.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    shared::log::Error(
        "kafka: the consumer met an error that it cannot recover from; a new one "
        "takes over");
    recreated_.Increment();
    Leave();
    handle_.reset();
    Result<Handle> next = Connect();
    if (!next) {  // the same settings worked before: out of threads or descriptors
      shared::log::Error("kafka: {}", next.error().message);
      return;
    }
    handle_ = std::move(*next);
  }
  Leave();
}

void Consumer::Leave() {
  ReleaseAll();
  CommitGroupOffsets();
  partitions_.clear();
  health_.With([](Health& health) {
    health.joined = false;
    health.lag.clear();
  });
  rd_kafka_consumer_close(handle_.get());
}

void Consumer::Round() {
  const bool busy = std::any_of(partitions_.begin(), partitions_.end(), [](const auto& one) {
    return one.second.waiting.has_value() || one.second.lease == nullptr;
  });
  const auto wait = busy ? kBusyPollTime : kPollTime;
  const Message message(rd_kafka_consumer_poll(handle_.get(), static_cast<int>(wait.count())));
  if (message) Take(*message);
  SubmitWaiting();
  const auto now = SteadyClock::now();
  for (auto& [id, partition] : partitions_) {
    if (partition.lease != nullptr && partition.lease->is_lost()) {
      Restart(id, partition, kRestartPause, "another process claimed it");
    } else if (partition.lease != nullptr && partition.anchor && now >= partition.check_at) {
      CheckPosition(id, partition);
    }
  }
  ClaimDue();
  if (reassign_) Assign();
  if (now >= next_report_) Report();
  if (now >= next_commit_) {
    next_commit_ = now + kCommitInterval;
    CommitGroupOffsets();
  }
}

void Consumer::OnRebalance(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                           rd_kafka_topic_partition_list_t* list, void* opaque) {
  auto& self = *static_cast<Consumer*>(opaque);
  if (error != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    self.ReleaseAll();
    self.CommitGroupOffsets();
    self.partitions_.clear();
    rd_kafka_assign(handle, nullptr);
    self.Report();
    return;
  }
  self.rebalances_.Increment();
  self.ReleaseAll();
  self.partitions_.clear();
  for (int i = 0; i < list->cnt; ++i) self.partitions_.try_emplace(IdOf(list->elems[i]));
  shared::log::Info("kafka: the group gave us {} partitions", list->cnt);
  self.backoff_.Reset();
  self.ClaimDue();
  // Also with none claimed: the group waits for our answer.
  self.Assign();
  self.health_.With([](Health& health) { health.joined = true; });
}

void Consumer::Take(const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    TakeError(message);
    return;
  }
  const PartitionId id{rd_kafka_topic_name(message.rkt), message.partition};
  const auto found = partitions_.find(id);
  if (found == partitions_.end() || found->second.lease == nullptr) return;
  TakeRecord(message, id, found->second);
}

void Consumer::TakeError(const rd_kafka_message_t& message) {
  const std::string topic = message.rkt == nullptr ? "" : rd_kafka_topic_name(message.rkt);
  const bool gone = message.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                    message.err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                    message.err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
  for (auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr || id.topic != topic) continue;
    if (gone && message.partition < 0) {
      Restart(id, partition, kRestartPause, "its topic is gone");
    } else if (id.partition != message.partition) {
      continue;
    } else if (gone) {
      Restart(id, partition, kRestartPause, "it is gone");
    } else if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
      CheckPosition(id, partition);
    }
  }
  uint64_t suppressed = 0;
  if (warn_limit_.Allow(&suppressed)) {
    shared::log::Warn("kafka: {}{}: {} ({} more such failures)", topic,
                      message.partition < 0 ? "" : fmt::format(" [{}]", message.partition),
                      rd_kafka_message_errstr(&message), suppressed);
  }
}

void Consumer::TakeRecord(const rd_kafka_message_t& message, const PartitionId& id,
                          Partition& partition) {
  ConsumedRecord record = CopyMessage(message);
  if (partition.anchor) {
    if (record.offset != partition.next || AnchorOf(record.value) != *partition.anchor) {
      CheckPosition(id, partition);
      if (!partition.anchor || partition.lease == nullptr) return;
      // The log reaches our position, and another record stands there.
      Move(id, partition, 0, Reposition::kRecreated);
      return;
    }
    partition.anchor.reset();
    partition.next = record.offset + 1;
    return;
  }
  if (partition.next >= 0 && record.offset < partition.next) return;
  if (partition.waiting) {  // it was fetched before the pause: again, later
    reassign_ = true;
    return;
  }
  partition.next = record.offset + 1;
  const shared::metrics::LabelMap labels{{"topic", id.topic}};
  registry_
      .AddCounter("collector_kafka_consumed_records_total", "Records taken from Kafka.", labels)
      .Increment();
  registry_.AddCounter("collector_kafka_consumed_bytes_total", "Their values' size.", labels)
      .Increment(static_cast<double>(record.value.size()));
  PendingRecord pending;
  pending.lease = partition.lease;
  ReadRecord(record, SourceOf(id.topic), partition.generation, options_.limits, clock_.Now(),
             pending);
  pending.bury = [letters = dead_letters_,
                  kept = std::make_shared<ConsumedRecord>(std::move(record))](const Fault& fault) {
    return letters->Bury(*kept, fault);
  };
  Submit(id, partition, std::move(pending));
}

void Consumer::Submit(const PartitionId& id, Partition& partition, PendingRecord record) {
  partition.submitted = true;
  if (store_.SubmitRecord(record, SteadyClock::now() + kRoomTime)) return;
  partition.waiting = std::move(record);
  Pause(id, partition, true);
}

void Consumer::SubmitWaiting() {
  for (auto& [id, partition] : partitions_) {
    if (!partition.waiting) continue;
    if (!store_.SubmitRecord(*partition.waiting, SteadyClock::now())) continue;
    partition.waiting.reset();
    Pause(id, partition, false);
  }
}

void Consumer::Pause(const PartitionId& id, Partition& partition, bool paused) {
  if (partition.paused == paused) return;
  partition.paused = paused;
  TopicPartitions list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition);
  if (paused) {
    rd_kafka_pause_partitions(handle_.get(), list.get());
  } else {
    rd_kafka_resume_partitions(handle_.get(), list.get());
  }
}

void Consumer::ClaimDue() {
  const auto now = SteadyClock::now();
  std::vector<PartitionId> due;
  for (const auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr && now >= partition.due) due.push_back(id);
  }
  if (due.empty()) return;
  Result<std::vector<Claim>> claims = store_.ClaimPartitions(due);
  if (!claims) {
    const auto again = SteadyClock::now() + backoff_.Next();
    for (const PartitionId& id : due) partitions_[id].due = again;
    uint64_t suppressed = 0;
    if (claim_limit_.Allow(&suppressed)) {
      shared::log::Warn("kafka: {} partitions wait to be claimed: {} ({} more such failures)",
                        due.size(), claims.error().message, suppressed);
    }
    return;
  }
  backoff_.Reset();
  for (Claim& claim : *claims) Hold(std::move(claim));
  reassign_ = true;
}

void Consumer::Hold(Claim claim) {
  Partition& partition = partitions_[{claim.lease->topic(), claim.lease->partition()}];
  partition = Partition{};
  partition.lease = std::move(claim.lease);
  partition.generation = claim.generation;
  partition.anchor = claim.anchor;
  if (claim.anchor) {
    partition.next = claim.next_offset - 1;
    partition.check_at = SteadyClock::now() + kAnchorTime;
  } else {
    partition.next = claim.next_offset > 0 ? claim.next_offset : int64_t{RD_KAFKA_OFFSET_BEGINNING};
  }
}

void Consumer::Restart(const PartitionId& id, Partition& partition, std::chrono::milliseconds pause,
                       const char* why) {
  shared::log::Warn("kafka: {} [{}] is claimed anew: {}", id.topic, id.partition, why);
  Release(partition);
  partition = Partition{};
  partition.due = SteadyClock::now() + pause;
  reassign_ = true;
}

void Consumer::CheckPosition(const PartitionId& id, Partition& partition) {
  if (partition.submitted) {
    // What was submitted must not move the position once it was set anew.
    Restart(id, partition, 0ms, "its position is not in the log");
    return;
  }
  int64_t low = 0, high = 0;
  const auto error = rd_kafka_query_watermark_offsets(handle_.get(), id.topic.c_str(), id.partition,
                                                      &low, &high, kQueryMs);
  partition.check_at = SteadyClock::now() + kAnchorTime;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Restart(id, partition, kRestartPause, ErrorOf(error, "how long is the log").message.c_str());
    return;
  }
  const int64_t position = partition.lease->next_offset();
  if (high < position) {
    Move(id, partition, low, Reposition::kRecreated);
  } else if (low > position) {
    Move(id, partition, low, Reposition::kExpired);
  } else if (low == position && partition.anchor) {
    // All that was stored has expired, no record more: nothing is left to prove the topic by.
    partition.anchor.reset();
    partition.next = low;
    reassign_ = true;
  }
}

void Consumer::Move(const PartitionId& id, Partition& partition, int64_t offset, Reposition why) {
  const int64_t position = partition.lease->next_offset();
  Result<void> moved = store_.MovePosition(*partition.lease, offset, why);
  if (!moved) {
    Restart(id, partition, kRestartPause, moved.error().message.c_str());
    return;
  }
  if (why == Reposition::kRecreated) {
    recreated_topics_.Increment();
    partition.generation += 1;
    shared::log::Warn(
        "kafka: {} [{}] was made again: other records stand before {}, where we "
        "were; reading begins at {}",
        id.topic, id.partition, position, offset);
  } else {
    expired_records_.Increment(static_cast<double>(offset - position));
    shared::log::Error("kafka: {} [{}]: records {} to {} expired before they were stored", id.topic,
                       id.partition, position, offset - 1);
  }
  partition.anchor.reset();
  partition.next = offset > 0 ? offset : int64_t{RD_KAFKA_OFFSET_BEGINNING};
  reassign_ = true;
}

void Consumer::Release(Partition& partition) {
  if (partition.lease == nullptr) return;
  if (!partition.lease->Revoke(kRevokeTime)) {
    shared::log::Warn(
        "kafka: {} [{}] was given up in the middle of a transaction; whoever takes "
        "it over waits for that",
        partition.lease->topic(), partition.lease->partition());
  }
  partition.waiting.reset();
}

void Consumer::ReleaseAll() {
  for (auto& [id, partition] : partitions_) Release(partition);
}

void Consumer::Assign() {
  reassign_ = false;
  TopicPartitions list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions_.size())));
  for (auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr) continue;
    rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition)->offset =
        partition.next;
  }
  if (const auto error = rd_kafka_assign(handle_.get(), list.get());
      error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    shared::log::Error("kafka: {}", ErrorOf(error, "assign").message);
  }
  // Whether an assignment keeps pauses is not documented: say what we want.
  for (auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr) continue;
    partition.paused = !partition.waiting.has_value();
    Pause(id, partition, partition.waiting.has_value());
  }
}

void Consumer::Report() {
  next_report_ = SteadyClock::now() + kReportInterval;
  std::vector<PartitionLag> lags;
  for (const auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr) continue;
    PartitionLag lag{id, partition.lease->next_offset(), -1, 0, partition.paused};
    int64_t low = 0, high = 0;
    if (rd_kafka_get_watermark_offsets(handle_.get(), id.topic.c_str(), id.partition, &low,
                                       &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0) {
      lag.high_watermark = high;
      lag.lag = std::max<int64_t>(0, high - std::max(lag.next_offset, low));
    }
    registry_
        .AddGauge("collector_kafka_lag_records",
                  "Records that are in Kafka and not stored, of partitions of this process.",
                  {{"topic", id.topic}, {"partition", std::to_string(id.partition)}})
        .Set(static_cast<double>(lag.lag));
    lags.push_back(std::move(lag));
  }
  assigned_.Set(static_cast<double>(partitions_.size()));
  std::vector<PartitionLag> before =
      health_.With([&](Health& health) { return std::exchange(health.lag, lags); });
  for (const PartitionLag& old : before) {  // another process reports it now
    if (partitions_.contains(old.id)) continue;
    registry_
        .AddGauge("collector_kafka_lag_records",
                  "Records that are in Kafka and not stored, of partitions of this process.",
                  {{"topic", old.id.topic}, {"partition", std::to_string(old.id.partition)}})
        .Set(0);
  }
}

void Consumer::CommitGroupOffsets() {
  TopicPartitions list(rd_kafka_topic_partition_list_new(1));
  for (auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr || !partition.submitted) continue;
    const int64_t stored = partition.lease->next_offset();
    if (stored == partition.committed) continue;
    partition.committed = stored;
    rd_kafka_topic_partition_list_add(list.get(), id.topic.c_str(), id.partition)->offset = stored;
  }
  if (list->cnt > 0) rd_kafka_commit(handle_.get(), list.get(), 1);
}

const config::KafkaSource* Consumer::SourceOf(const std::string& topic) const {
  for (const config::KafkaSource& source : options_.kafka.sources) {
    if (source.topic == topic) return &source;
  }
  return nullptr;
}

}  // namespace collector::bus
