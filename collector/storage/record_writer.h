#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "collector/bus/record_store.h"
#include "collector/storage/group_writer.h"
#include "collector/storage/readiness.h"
#include "collector/storage/writer.h"
#include "collector/storage/writer_session.h"
#include "shared/concurrency/backoff.h"
#include "shared/concurrency/bounded_queue.h"
#include "shared/log/log.h"

namespace collector::storage {

// One thread with one connection that stores groups of records from Kafka. Nobody waits for an
// answer, and Kafka keeps what is not stored: so while PostgreSQL is away it holds its group and
// tries again with backoff, and the queue fills, which is the back pressure. A record that cannot
// be stored is buried in the dead-letter topic first; those of its partition behind it wait for
// that. When it cannot be buried either, its lease is blocked. Records of a lease that is not held
// any more are dropped. References must outlive it.
class RecordWriter {
 public:
  RecordWriter(int number, const WriterOptions& options, const shared::Clock& clock,
               PartitionKeeper& partitions, const Readiness& readiness, StoreMetrics& metrics);

  // Waits for room until `deadline`. False: none, or closed; `record` is untouched.
  bool Submit(bus::PendingRecord& record, std::chrono::steady_clock::time_point deadline);
  // Ends input. What waits is stored; when that fails once, it is dropped: Kafka has it.
  void Close();
  void Join();

 private:
  void Run(std::stop_token stop);
  std::vector<bus::PendingRecord> TakeGroup(std::stop_token stop);
  // One attempt; leaves in `group` what is neither stored nor dropped.
  shared::Result<void> WriteOnce(std::vector<bus::PendingRecord>& group);
  shared::Result<void> Settle(std::vector<bus::PendingRecord>& group,
                              std::vector<RecordOutcome>& outcomes);
  shared::Result<void> Bury(bus::PendingRecord& record, bus::Fault fault);
  void Pause(std::stop_token stop);

  const int number_;
  const WriterOptions options_;
  const Readiness& readiness_;
  StoreMetrics& metrics_;
  shared::BoundedQueue<bus::PendingRecord> queue_;
  // Run thread only:
  GroupWriter group_writer_;
  WriterSession session_;
  shared::Backoff backoff_;
  shared::log::RateLimit warn_limit_;
  shared::log::RateLimit bury_limit_;
  // A pause after a failure, cut short by Close.
  std::mutex pause_mutex_;
  std::condition_variable_any pause_;

  std::jthread thread_;  // last
};

}  // namespace collector::storage
