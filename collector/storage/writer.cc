#include "collector/storage/writer.h"

#include <fmt/format.h>

#include <optional>

#include "shared/concurrency/thread_name.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;

}  // namespace

Writer::Writer(int number, const WriterOptions& options, const shared::Clock& clock,
               PartitionKeeper& partitions, const Readiness& readiness, StoreMetrics& metrics)
    : number_(number),
      options_(options),
      readiness_(readiness),
      metrics_(metrics),
      queue_(options.queue_bytes),
      group_writer_(clock, options.limits, partitions, metrics),
      session_(fmt::format("writer {}", number), options.connect, options.reconnect, clock,
               metrics),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

bool Writer::Submit(PendingBatch& pending) {
  const size_t cost = pending.accepted.cost_bytes;
  metrics_.queue_bytes.Add(static_cast<double>(cost));
  if (queue_.TryPush(pending, cost)) return true;
  metrics_.queue_bytes.Add(-static_cast<double>(cost));
  return false;
}

void Writer::Join() {
  if (thread_.joinable()) thread_.join();
}

void Writer::Run(std::stop_token stop) {
  shared::SetThreadName(fmt::format("store-{}", number_).c_str());
  while (true) {
    std::vector<PendingBatch> group = TakeGroup(stop);
    if (group.empty()) break;
    WriteGroup(group);
  }
  // Told to stop without Close: nobody waits for ever.
  while (std::optional<PendingBatch> pending = queue_.TryPop()) {
    metrics_.queue_bytes.Add(-static_cast<double>(pending->accepted.cost_bytes));
    pending->done(Fail(ErrorCode::kUnavailable, "the collector is stopping"));
  }
}

std::vector<PendingBatch> Writer::TakeGroup(std::stop_token stop) {
  std::vector<PendingBatch> group;
  size_t bytes = 0;
  const auto take = [&](std::optional<PendingBatch> pending) {
    bytes += pending->accepted.cost_bytes;
    metrics_.queue_bytes.Add(-static_cast<double>(pending->accepted.cost_bytes));
    group.push_back(std::move(*pending));
  };
  std::optional<PendingBatch> first = queue_.Pop(stop);
  if (!first) return group;
  take(std::move(first));
  const auto deadline = std::chrono::steady_clock::now() + options_.gather;
  while (group.size() < options_.group_batches && bytes < options_.group_bytes) {
    std::optional<PendingBatch> next = queue_.PopUntil(deadline, stop);
    if (!next) break;
    take(std::move(next));
  }
  return group;
}

void Writer::WriteGroup(std::vector<PendingBatch>& group) {
  bool is_new = false;
  const Result<void> ready = readiness_.Get();
  Result<Connection*> connection = nullptr;
  if (ready) {
    connection = session_.Get(is_new);
  } else {
    connection = tl::make_unexpected(ready.error());
  }
  if (!connection) {
    metrics_.CountBatches("unavailable", group.size());
    for (PendingBatch& pending : group) {
      pending.done(Fail(ErrorCode::kUnavailable, "{}", connection.error().message));
    }
    return;
  }
  if (is_new) group_writer_.Forget();
  std::vector<const ingest::AcceptedBatch*> batches;
  batches.reserve(group.size());
  for (const PendingBatch& pending : group) batches.push_back(&pending.accepted);
  std::vector<Result<pgvigil::v1::BatchReply>> replies = group_writer_.Write(**connection, batches);
  for (size_t i = 0; i < group.size(); ++i) {
    if (!replies[i]) {
      const bool refused = replies[i].error().code == ErrorCode::kInvalidInput;
      metrics_.CountBatches(refused ? "refused" : "unavailable", 1);
      uint64_t suppressed = 0;
      if (warn_limit_.Allow(&suppressed)) {
        shared::log::Warn("a batch was not stored: {} ({} more such failures)",
                          replies[i].error().message, suppressed);
      }
    }
    group[i].done(std::move(replies[i]));
  }
}

}  // namespace collector::storage
