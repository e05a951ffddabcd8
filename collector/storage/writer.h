#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "collector/ingest/batch_store.h"
#include "collector/storage/group_writer.h"
#include "collector/storage/readiness.h"
#include "collector/storage/writer_session.h"
#include "shared/concurrency/backoff.h"
#include "shared/concurrency/bounded_queue.h"
#include "shared/log/log.h"

namespace collector::storage {

struct WriterOptions {
  shared::postgres::ConnectOptions connect;
  StoreLimits limits;
  size_t queue_bytes = size_t{32} << 20;  // of waiting batches, decompressed
  // A transaction takes what waits, up to these, and waits this long for the first batch to be
  // joined by others: 100 blocks a transaction is where throughput stops growing.
  size_t group_batches = 100;
  size_t group_bytes = size_t{16} << 20;
  std::chrono::milliseconds gather{3};
  shared::Backoff::Config reconnect{std::chrono::milliseconds(250), std::chrono::seconds(10)};
};

// A batch that waits, and whom to tell.
struct PendingBatch {
  ingest::AcceptedBatch accepted;
  std::function<void(shared::Result<pgvigil::v1::BatchReply>)> done;
};

// One thread with one connection that stores groups of batches. While PostgreSQL is away it answers
// every batch with kUnavailable at once and connects again with backoff, in its own time.
// References must outlive it.
class Writer {
 public:
  Writer(int number, const WriterOptions& options, const shared::Clock& clock,
         PartitionKeeper& partitions, const Readiness& readiness, StoreMetrics& metrics);

  // False: the queue is full or closed, and `pending` is untouched.
  bool Submit(PendingBatch& pending);
  // Ends input; what waits is stored, or answered with kUnavailable when PostgreSQL is away.
  void Close() { queue_.Close(); }
  void Join();

 private:
  void Run(std::stop_token stop);
  std::vector<PendingBatch> TakeGroup(std::stop_token stop);
  void WriteGroup(std::vector<PendingBatch>& group);

  const int number_;
  const WriterOptions options_;
  const Readiness& readiness_;
  StoreMetrics& metrics_;
  shared::BoundedQueue<PendingBatch> queue_;
  // Run thread only:
  GroupWriter group_writer_;
  WriterSession session_;
  shared::log::RateLimit warn_limit_;

  std::jthread thread_;  // last
};

}  // namespace collector::storage
