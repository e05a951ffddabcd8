#include "collector/storage/record_writer.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "shared/concurrency/thread_name.h"

namespace collector::storage {
namespace {

using bus::Lease;
using bus::PendingRecord;
using shared::Result;
using shared::postgres::Connection;

// Keeps the leases of a group from being revoked under its transaction.
class InsideLeases {
 public:
  // True: this group may store what `lease` covers.
  bool Enter(const std::shared_ptr<Lease>& lease) {
    const auto known = entered_.find(lease);
    if (known != entered_.end()) return known->second;
    return entered_.emplace(lease, lease->Enter()).first->second;
  }
  InsideLeases() = default;
  InsideLeases(const InsideLeases&) = delete;
  InsideLeases& operator=(const InsideLeases&) = delete;
  ~InsideLeases() {
    for (const auto& [lease, inside] : entered_) {
      if (inside) lease->Leave();
    }
  }

 private:
  std::map<std::shared_ptr<Lease>, bool> entered_;
};

}  // namespace

RecordWriter::RecordWriter(int number, const WriterOptions& options, const shared::Clock& clock,
                           PartitionKeeper& partitions, const Readiness& readiness,
                           StoreMetrics& metrics)
    : number_(number),
      options_(options),
      readiness_(readiness),
      metrics_(metrics),
      queue_(options.queue_bytes),
      group_writer_(clock, options.limits, partitions, metrics),
      session_(fmt::format("record writer {}", number), options.connect, options.reconnect, clock,
               metrics),
      backoff_(options.reconnect, static_cast<uint64_t>(number)),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

bool RecordWriter::Submit(PendingRecord& record, std::chrono::steady_clock::time_point deadline) {
  const size_t cost = record.cost_bytes;
  if (!queue_.PushUntil(record, cost, deadline)) return false;
  metrics_.queue_bytes.Add(static_cast<double>(cost));
  return true;
}

void RecordWriter::Close() {
  queue_.Close();
  const std::lock_guard lock(pause_mutex_);
  pause_.notify_all();
}

void RecordWriter::Join() {
  if (thread_.joinable()) thread_.join();
}

void RecordWriter::Run(std::stop_token stop) {
  shared::SetThreadName(fmt::format("store-k{}", number_).c_str());
  while (true) {
    std::vector<PendingRecord> group = TakeGroup(stop);
    if (group.empty()) break;
    while (!group.empty()) {
      Result<void> written = WriteOnce(group);
      if (written) {
        backoff_.Reset();
        continue;
      }
      uint64_t suppressed = 0;
      if (warn_limit_.Allow(&suppressed)) {
        shared::log::Warn("{} records from Kafka wait: {} ({} more such failures)", group.size(),
                          written.error().message, suppressed);
      }
      if (queue_.closed() || stop.stop_requested()) break;  // Kafka has them
      Pause(stop);
    }
  }
}

std::vector<PendingRecord> RecordWriter::TakeGroup(std::stop_token stop) {
  std::vector<PendingRecord> group;
  size_t bytes = 0;
  const auto take = [&](std::optional<PendingRecord> record) {
    bytes += record->cost_bytes;
    metrics_.queue_bytes.Add(-static_cast<double>(record->cost_bytes));
    group.push_back(std::move(*record));
  };
  std::optional<PendingRecord> first = queue_.Pop(stop);
  if (!first) return group;
  take(std::move(first));
  const auto deadline = std::chrono::steady_clock::now() + options_.gather;
  while (group.size() < options_.group_batches && bytes < options_.group_bytes) {
    std::optional<PendingRecord> next = queue_.PopUntil(deadline, stop);
    if (!next) break;
    take(std::move(next));
  }
  return group;
}

Result<void> RecordWriter::WriteOnce(std::vector<PendingRecord>& group) {
  InsideLeases inside;
  const size_t revoked = std::erase_if(
      group, [&](const PendingRecord& record) { return !inside.Enter(record.lease); });
  metrics_.CountRecords("revoked", revoked);
  if (group.empty()) return {};
  RETURN_IF_ERROR(readiness_.Get());
  bool is_new = false;
  ASSIGN_OR_RETURN(Connection* const connection, session_.Get(is_new));
  if (is_new) group_writer_.Forget();
  std::vector<const PendingRecord*> records;
  records.reserve(group.size());
  for (const PendingRecord& record : group) records.push_back(&record);
  std::vector<RecordOutcome> outcomes = group_writer_.WriteRecords(*connection, records);
  return Settle(group, outcomes);
}

Result<void> RecordWriter::Settle(std::vector<PendingRecord>& group,
                                  std::vector<RecordOutcome>& outcomes) {
  std::vector<PendingRecord> left;
  uint64_t stored = 0, lost = 0, blocked = 0;
  bool moved = false;  // anything: then what is left has a better chance at once
  Result<void> failure;
  for (size_t i = 0; i < group.size(); ++i) {
    PendingRecord& record = group[i];
    switch (outcomes[i].kind) {
      case RecordOutcome::Kind::kStored:
        record.lease->MoveTo(record.offset + 1);
        stored += 1;
        moved = true;
        break;
      case RecordOutcome::Kind::kLost:
        record.lease->Lose();
        lost += 1;
        break;
      case RecordOutcome::Kind::kRefused:
        moved = true;
        if (Result<void> buried = Bury(record, std::move(outcomes[i].fault)); buried) {
          left.push_back(std::move(record));
        } else {  // others go on; those behind it are dropped, as if revoked
          record.lease->Block(fmt::format("{}: {}; it cannot be buried: {}", record.fault->reason,
                                          record.fault->message, buried.error().message));
          blocked += 1;
        }
        break;
      case RecordOutcome::Kind::kAgain:
        if (failure && !outcomes[i].fault.message.empty()) {
          failure = shared::Fail(shared::ErrorCode::kUnavailable, "{}", outcomes[i].fault.message);
        }
        left.push_back(std::move(record));
        break;
    }
  }
  metrics_.CountRecords("stored", stored);
  metrics_.CountRecords("lost", lost);
  metrics_.CountRecords("blocked", blocked);
  group = std::move(left);
  if (!failure) return failure;
  if (!group.empty() && !moved && lost == 0) {
    return shared::Fail(shared::ErrorCode::kUnavailable, "not one of {} records could be stored",
                        group.size());
  }
  return {};
}

Result<void> RecordWriter::Bury(PendingRecord& record, bus::Fault fault) {
  record.fault = std::move(fault);
  ASSIGN_OR_RETURN(record.grave, record.bury(*record.fault));
  record.batches.clear();
  uint64_t suppressed = 0;
  if (bury_limit_.Allow(&suppressed)) {
    shared::log::Error(
        "record {} of {} [{}] cannot be stored, it went to {}: {}: {} ({} more such records)",
        record.offset, record.lease->topic(), record.lease->partition(), record.grave->topic,
        record.fault->reason, record.fault->message, suppressed);
  }
  return {};
}

void RecordWriter::Pause(std::stop_token stop) {
  std::unique_lock lock(pause_mutex_);
  pause_.wait_for(lock, stop, backoff_.Next(), [this] { return queue_.closed(); });
}

}  // namespace collector::storage
