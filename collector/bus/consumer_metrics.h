#pragma once

#include <cstddef>
#include <string>

#include "collector/bus/record_store.h"
#include "shared/metrics/registry.h"

namespace collector::bus {

// The consumer's metrics, collector_kafka_…:
//   lag_records{topic,partition}     in Kafka and not stored, of partitions of this process
//   consumed_records_total{topic}, consumed_bytes_total{topic}
//   rebalances_total, topics_recreated_total, expired_records_total, consumers_recreated_total
//   assigned_partitions, blocked_partitions
// Thread-safe; the registry must outlive it.
class ConsumerMetrics {
 public:
  explicit ConsumerMetrics(shared::metrics::Registry& registry);

  void CountConsumed(const std::string& topic, size_t value_bytes);
  void SetLag(const PartitionId& id, int64_t records);

 private:
  shared::metrics::Registry& registry_;

 public:
  const shared::metrics::Counter rebalances;
  const shared::metrics::Counter recreated_topics;
  const shared::metrics::Counter expired_records;
  const shared::metrics::Counter recreated;
  const shared::metrics::Gauge assigned;
  const shared::metrics::Gauge blocked;
};

}  // namespace collector::bus
