#include "collector/storage/store_metrics.h"

#include <string>

namespace collector::storage {

StoreMetrics::StoreMetrics(shared::metrics::Registry& registry)
    : registry_(registry),
      samples(registry.AddCounter("collector_store_samples_total", "Metric samples stored.")),
      log_records(registry.AddCounter("collector_store_log_records_total", "Log records stored.")),
      statement_deltas(registry.AddCounter("collector_store_statement_deltas_total",
                                           "Statement deltas stored.")),
      bytes(registry.AddCounter("collector_store_bytes_total",
                                "Decompressed size of the batches stored.")),
      groups(
          registry.AddCounter("collector_store_groups_total", "Transactions that stored batches.")),
      group_retries(registry.AddCounter(
          "collector_store_group_retries_total",
          "Transactions repeated after a deadlock, a missing partition or a poison batch.")),
      reconnects(registry.AddCounter("collector_store_reconnects_total",
                                     "Connections of writers opened again after a loss.")),
      commit_seconds(registry.AddLatencyHistogram("collector_store_commit_seconds",
                                                  "From BEGIN to COMMIT of a group.")),
      group_batches(
          registry.AddGauge("collector_store_group_batches", "Batches in the newest transaction.")),
      queue_bytes(registry.AddGauge("collector_store_queue_bytes",
                                    "Decompressed size of the batches that wait for a writer.")),
      ready(
          registry.AddGauge("collector_store_ready",
                            "1: connected once and the schema is the one this collector knows.")) {}

void StoreMetrics::CountBatches(std::string_view outcome, uint64_t batches) {
  if (batches == 0) return;
  registry_
      .AddCounter("collector_store_batches_total", "Batches by what became of them.",
                  {{"outcome", std::string(outcome)}})
      .Increment(static_cast<double>(batches));
}

void StoreMetrics::CountRefused(std::string_view reason, uint64_t items) {
  registry_
      .AddCounter("collector_store_refused_total",
                  "Samples, log records and statement deltas left out for good, by reason.",
                  {{"reason", std::string(reason)}})
      .Increment(static_cast<double>(items));
}

void StoreMetrics::CountForgotten(std::string_view what, uint64_t numbers) {
  if (numbers == 0) return;
  registry_
      .AddCounter("collector_store_forgotten_total",
                  "Missing numbers given up because too many ranges were missing.",
                  {{"what", std::string(what)}})
      .Increment(static_cast<double>(numbers));
}

void StoreMetrics::CountRecords(std::string_view outcome, uint64_t records) {
  if (records == 0) return;
  registry_
      .AddCounter("collector_kafka_records_total", "Records from Kafka by what became of them.",
                  {{"outcome", std::string(outcome)}})
      .Increment(static_cast<double>(records));
}

void StoreMetrics::CountDeadLetter(std::string_view reason) {
  registry_
      .AddCounter("collector_kafka_dead_letters_total",
                  "Records that could not be stored, by reason.", {{"reason", std::string(reason)}})
      .Increment();
}

}  // namespace collector::storage
