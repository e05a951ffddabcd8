#include "collector/bus/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collector/bus/dead_letters.h"
#include "collector/bus/group_member.h"
#include "collector/bus/topics.h"
#include "shared/concurrency/thread_name.h"

namespace collector::bus {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Result;
using std::chrono::milliseconds;
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
constexpr auto kFirstTime = 15s;  // until the first record of a topic made again should have come
constexpr auto kRestartPause = 1s;
constexpr auto kTopicsTime = 5s;
constexpr auto kTopicsInterval = 10s;
constexpr auto kJoinInterval = 1s;

// Of the nth attempt in a row: doubles, without jitter, for one partition is no fleet.
milliseconds PauseOf(const shared::Backoff::Config& retry, int times) {
  return std::min(retry.most, retry.first * (1 << std::min(times, 16)));
}

}  // namespace

Result<std::unique_ptr<Consumer>> Consumer::Open(ConsumerOptions options, RecordStore& store,
                                                 const shared::Clock& clock,
                                                 shared::metrics::Registry& registry) {
  ASSIGN_OR_RETURN(std::unique_ptr<DeadLetters> dead_letters, DeadLetters::Open(options.kafka));
  std::unique_ptr<Consumer> out(
      new Consumer(std::move(options), store, std::move(dead_letters), clock, registry));
  ASSIGN_OR_RETURN(out->member_, out->Join());
  out->thread_ = std::jthread([self = out.get()](std::stop_token stop) { self->Run(stop); });
  return out;
}

Consumer::Consumer(ConsumerOptions options, RecordStore& store,
                   std::unique_ptr<DeadLetters> dead_letters, const shared::Clock& clock,
                   shared::metrics::Registry& registry)
    : options_(std::move(options)),
      store_(store),
      clock_(clock),
      dead_letters_(std::move(dead_letters)),
      metrics_(registry),
      backoff_(options_.retry, static_cast<uint64_t>(clock.Now().time_since_epoch().count())) {}

Consumer::~Consumer() {
  Stop();
}

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

Result<std::unique_ptr<GroupMember>> Consumer::Join() {
  return GroupMember::Open(options_.kafka,
                           {[this](std::vector<PartitionId> ids) { OnAssigned(std::move(ids)); },
                            [this] { OnRevoked(); }});
}

void Consumer::Run(std::stop_token stop) {
  shared::SetThreadName("kafka-consumer");
  while (!stop.stop_requested()) {
    if (!topics_there_ && SteadyClock::now() >= next_look_) LookForTopics();
    Round();
    if (fail_.exchange(false)) member_->FailFatally();
    if (member_->HasFailed()) {
      Replace("it met an error that it cannot recover from");
    } else if (topic_was_gone_) {
      Replace("a topic was deleted under it");
    }
  }
  Leave();
  member_->Close();
}

void Consumer::LookForTopics() {
  const std::string wanted[] = {options_.kafka.topic, options_.kafka.dead_topic};
  const auto found = EnsureTopics(options_.kafka, wanted, kTopicsTime);
  topics_there_ = found.has_value();
  next_look_ = SteadyClock::now() + kTopicsInterval;
  health_.With([&](Health& health) {
    health.trouble = found ? std::nullopt : std::optional(found.error().message);
  });
  uint64_t suppressed = 0;
  if (!found && warn_limit_.Allow(&suppressed)) {
    shared::log::Warn("kafka: {} ({} more such failures)", found.error().message, suppressed);
  }
}

// A new member takes over.
void Consumer::Replace(std::string_view why) {
  if (SteadyClock::now() < next_join_) return;  // at the next round
  next_join_ = SteadyClock::now() + kJoinInterval;
  Result<std::unique_ptr<GroupMember>> next = Join();
  if (!next) {  // the same settings worked before: out of threads or descriptors
    shared::log::Error("kafka: {}", next.error().message);
    return;
  }
  shared::log::Error("kafka: a new consumer takes over from the old one: {}", why);
  metrics_.recreated.Increment();
  Leave();
  member_->Abandon();
  member_ = std::move(*next);
  topic_was_gone_ = false;
}

void Consumer::Leave() {
  ReleaseAll();
  CommitGroupOffsets();
  partitions_.clear();
  health_.With([](Health& health) {
    health.joined = false;
    health.lag.clear();
  });
}

void Consumer::Round() {
  const bool busy = std::any_of(partitions_.begin(), partitions_.end(), [](const auto& one) {
    return one.second.waiting.has_value() || one.second.lease == nullptr;
  });
  auto polled = member_->Poll(busy ? kBusyPollTime : kPollTime);
  if (auto* record = std::get_if<ConsumedRecord>(&polled)) TakeRecord(std::move(*record));
  if (const auto* error = std::get_if<FetchError>(&polled)) TakeError(*error);
  SubmitWaiting();
  for (auto& [id, partition] : partitions_) {
    if (partition.lease != nullptr) LookAfter(id, partition);
  }
  ClaimDue();
  if (refetch_) Fetch();
  const auto now = SteadyClock::now();
  if (now >= next_report_) Report();
  if (now >= next_commit_) {
    next_commit_ = now + kCommitInterval;
    CommitGroupOffsets();
  }
}

void Consumer::OnAssigned(std::vector<PartitionId> ids) {
  metrics_.rebalances.Increment();
  ReleaseAll();
  partitions_.clear();
  for (PartitionId& id : ids) partitions_.try_emplace(std::move(id));
  shared::log::Info("kafka: the group gave us {} partitions", ids.size());
  backoff_.Reset();
  ClaimDue();
  // Also with none claimed: the group waits for our answer.
  Fetch();
  health_.With([](Health& health) { health.joined = true; });
}

void Consumer::OnRevoked() {
  ReleaseAll();
  CommitGroupOffsets();
  partitions_.clear();
  Report();
}

void Consumer::TakeError(const FetchError& error) {
  const bool gone = error.kind == FetchError::Kind::kGone;
  for (auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr || id.topic != error.id.topic) continue;
    if (error.id.partition >= 0 && id.partition != error.id.partition) continue;
    if (gone) {
      topic_was_gone_ = true;
    } else if (error.kind == FetchError::Kind::kOutOfRange) {
      CheckPosition(id, partition);
    }
  }
  uint64_t suppressed = 0;
  if (warn_limit_.Allow(&suppressed)) {
    shared::log::Warn("kafka: {}{}: {} ({} more such failures)", error.id.topic,
                      error.id.partition < 0 ? "" : fmt::format(" [{}]", error.id.partition),
                      error.message, suppressed);
  }
}

void Consumer::TakeRecord(ConsumedRecord record) {
  const auto found = partitions_.find(PartitionId{record.topic, record.partition});
  if (found == partitions_.end() || found->second.lease == nullptr) return;
  auto& [id, partition] = *found;
  partition.first_due.reset();
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
    refetch_ = true;
    return;
  }
  partition.next = record.offset + 1;
  Hand(std::move(record), id, partition);
}

void Consumer::Hand(ConsumedRecord record, const PartitionId& id, Partition& partition) {
  metrics_.CountConsumed(id.topic, record.value.size());
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
  member_->Pause(id, paused);
}

void Consumer::ClaimDue() {
  const auto now = SteadyClock::now();
  std::vector<PartitionId> due;
  for (const auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr && now >= partition.due) due.push_back(id);
  }
  if (due.empty()) return;
  Result<std::vector<Claim>> claims = store_.ClaimPartitions(due);
  const size_t claimed = claims ? claims->size() : 0;
  if (claimed == due.size()) backoff_.Reset();
  if (claims) {
    for (Claim& claim : *claims) Hold(std::move(claim));
    refetch_ = refetch_ || claimed > 0;
  }
  if (claimed == due.size()) return;
  const auto again = SteadyClock::now() + backoff_.Next();
  for (const PartitionId& id : due) partitions_[id].due = again;
  uint64_t suppressed = 0;
  if (claim_limit_.Allow(&suppressed)) {
    shared::log::Warn(
        "kafka: {} partitions wait to be claimed: {} ({} more such failures)", due.size() - claimed,
        claims ? "a transaction of their former owner is not over" : claims.error().message,
        suppressed);
  }
}

// All but why it does not go on.
void Consumer::Forget(Partition& partition) {
  std::optional<Block> block = std::move(partition.block);
  partition = Partition{};
  partition.block = std::move(block);
}

void Consumer::Hold(Claim claim) {
  Partition& partition = partitions_[{claim.lease->topic(), claim.lease->partition()}];
  Forget(partition);
  partition.lease = std::move(claim.lease);
  partition.generation = claim.generation;
  partition.anchor = claim.anchor;
  if (claim.anchor) {
    partition.next = claim.next_offset - 1;
    partition.check_at = SteadyClock::now() + kAnchorTime;
  } else {
    partition.next = claim.next_offset > 0 ? claim.next_offset : GroupMember::kFromBeginning;
  }
}

// What a writer or another process did to the lease, and whether the topic has proved itself.
void Consumer::LookAfter(const PartitionId& id, Partition& partition) {
  const Lease& lease = *partition.lease;
  if (partition.block && lease.next_offset() > partition.block->offset) {
    shared::log::Info("kafka: {} [{}] goes on after record {}", id.topic, id.partition,
                      partition.block->offset);
    partition.block.reset();
  }
  if (lease.is_lost()) {
    Restart(id, partition, kRestartPause, "another process claimed it");
  } else if (const std::optional<std::string> why = lease.blocked()) {
    BlockPartition(id, partition, *why);
  } else if (partition.anchor && SteadyClock::now() >= partition.check_at) {
    CheckPosition(id, partition);
  } else if (partition.first_due && SteadyClock::now() >= *partition.first_due) {
    const Result<LogRange> range = member_->AskRange(id);
    partition.first_due = SteadyClock::now() + kFirstTime;
    if (range && range->high > range->low) topic_was_gone_ = true;
  }
}

void Consumer::Restart(const PartitionId& id, Partition& partition, milliseconds pause,
                       const std::string& why) {
  uint64_t suppressed = 0;
  if (restart_limit_.Allow(&suppressed)) {
    shared::log::Warn("kafka: {} [{}] is claimed anew: {} ({} more such lines)", id.topic,
                      id.partition, why, suppressed);
  }
  Release(partition);
  Forget(partition);
  partition.due = SteadyClock::now() + pause;
  refetch_ = true;
}

void Consumer::BlockPartition(const PartitionId& id, Partition& partition, const std::string& why) {
  const int64_t offset = partition.lease->next_offset();
  if (!partition.block || partition.block->offset != offset) {
    partition.block = Block{offset, 0, {}};
    shared::log::Error("kafka: {} [{}] stops before record {}: {}", id.topic, id.partition, offset,
                       why);
  }
  Block& block = *partition.block;
  block.times += 1;
  block.why = why;
  topics_there_ = false;  // the dead-letter topic may be gone
  Restart(id, partition, PauseOf(options_.retry, block.times), why);
}

void Consumer::CheckPosition(const PartitionId& id, Partition& partition) {
  if (partition.submitted) {
    // What was submitted must not move the position once it was set anew.
    Restart(id, partition, 0ms, "its position is not in the log");
    return;
  }
  const Result<LogRange> range = member_->AskRange(id);
  partition.check_at = SteadyClock::now() + kAnchorTime;
  if (!range) {
    Restart(id, partition, kRestartPause, range.error().message);
    return;
  }
  const int64_t position = partition.lease->next_offset();
  if (range->high < position) {
    Move(id, partition, range->low, Reposition::kRecreated);
  } else if (range->low > position) {
    Move(id, partition, range->low, Reposition::kExpired);
  } else if (range->low == position && partition.anchor) {
    // All that was stored has expired, no record more: nothing is left to prove the topic by.
    partition.anchor.reset();
    partition.next = range->low;
    refetch_ = true;
  }
}

void Consumer::Move(const PartitionId& id, Partition& partition, int64_t offset, Reposition why) {
  const int64_t position = partition.lease->next_offset();
  Result<void> moved = store_.MovePosition(*partition.lease, offset, why);
  if (!moved) {
    Restart(id, partition, kRestartPause, moved.error().message);
    return;
  }
  if (why == Reposition::kRecreated) {
    metrics_.recreated_topics.Increment();
    partition.generation += 1;
    partition.first_due = SteadyClock::now() + kFirstTime;
    shared::log::Warn(
        "kafka: {} [{}] was made again: other records stand before {}, where we "
        "were; reading begins at {}",
        id.topic, id.partition, position, offset);
  } else {
    metrics_.expired_records.Increment(static_cast<double>(offset - position));
    shared::log::Error("kafka: {} [{}]: records {} to {} expired before they were stored", id.topic,
                       id.partition, position, offset - 1);
  }
  partition.anchor.reset();
  partition.block.reset();
  partition.next = offset > 0 ? offset : GroupMember::kFromBeginning;
  refetch_ = true;
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

void Consumer::Fetch() {
  refetch_ = false;
  std::map<PartitionId, int64_t> positions;
  for (const auto& [id, partition] : partitions_) {
    if (partition.lease != nullptr) positions.emplace(id, partition.next);
  }
  member_->Fetch(positions);
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
  size_t blocked = 0;
  for (const auto& [id, partition] : partitions_) {
    if (partition.block) blocked += 1;
    if (partition.lease == nullptr && !partition.block) continue;
    PartitionLag lag{id,
                     partition.block ? partition.block->offset : partition.lease->next_offset(),
                     -1,
                     0,
                     partition.paused || partition.block,
                     partition.block ? partition.block->why : ""};
    if (const std::optional<LogRange> range = member_->KnownRange(id)) {
      lag.high_watermark = range->high;
      lag.lag = std::max<int64_t>(0, range->high - std::max(lag.next_offset, range->low));
    }
    metrics_.SetLag(id, lag.lag);
    lags.push_back(std::move(lag));
  }
  metrics_.assigned.Set(static_cast<double>(partitions_.size()));
  metrics_.blocked.Set(static_cast<double>(blocked));
  std::vector<PartitionLag> before =
      health_.With([&](Health& health) { return std::exchange(health.lag, lags); });
  for (const PartitionLag& old : before) {  // another process reports it now
    if (!partitions_.contains(old.id)) metrics_.SetLag(old.id, 0);
  }
}

void Consumer::CommitGroupOffsets() {
  std::map<PartitionId, int64_t> stored;
  for (auto& [id, partition] : partitions_) {
    if (partition.lease == nullptr || !partition.submitted) continue;
    const int64_t next = partition.lease->next_offset();
    if (next == partition.committed) continue;
    partition.committed = next;
    stored.emplace(id, next);
  }
  member_->CommitOffsets(stored);
}

const config::KafkaSource* Consumer::SourceOf(const std::string& topic) const {
  for (const config::KafkaSource& source : options_.kafka.sources) {
    if (source.topic == topic) return &source;
  }
  return nullptr;
}

}  // namespace collector::bus
