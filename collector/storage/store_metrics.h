#pragma once

#include <cstdint>
#include <string_view>

#include "shared/metrics/registry.h"

namespace collector::storage {

// The store's own metrics, collector_store_…. Thread-safe; the registry must outlive it.
class StoreMetrics {
 public:
  explicit StoreMetrics(shared::metrics::Registry& registry);

  // "stored", "duplicate", "missing_layout", "refused", "unavailable".
  void CountBatches(std::string_view outcome, uint64_t batches);
  void CountRefused(std::string_view reason, uint64_t items);
  // "sequences" of streams or "bytes" of files that were given up: should they still come, they
  // will pass for stored.
  void CountForgotten(std::string_view what, uint64_t numbers);
  // Records from Kafka: "stored", "lost" (another process has the partition), "blocked" (neither
  // stored nor buried), "revoked" (their lease is not held any more). Kafka has all but the stored.
  void CountRecords(std::string_view outcome, uint64_t records);
  void CountDeadLetter(std::string_view reason);

 private:
  shared::metrics::Registry& registry_;

 public:
  shared::metrics::Counter samples;
  shared::metrics::Counter log_records;
  shared::metrics::Counter statement_deltas;
  shared::metrics::Counter bytes;   // decompressed size of stored batches
  shared::metrics::Counter groups;  // transactions; batches / groups is the mean group size
  shared::metrics::Counter group_retries;
  shared::metrics::Counter reconnects;
  shared::metrics::Histogram commit_seconds;  // BEGIN to COMMIT of a group
  shared::metrics::Gauge group_batches;       // of the newest group
  shared::metrics::Gauge queue_bytes;
  shared::metrics::Gauge ready;
};

}  // namespace collector::storage
