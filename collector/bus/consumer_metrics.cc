#include "collector/bus/consumer_metrics.h"

namespace collector::bus {

ConsumerMetrics::ConsumerMetrics(shared::metrics::Registry& registry)
    : registry_(registry),
      rebalances(registry.AddCounter("collector_kafka_rebalances_total",
                                     "Times the group gave us partitions.")),
      recreated_topics(registry.AddCounter(
          "collector_kafka_topics_recreated_total",
          "Partitions read from their beginning because the topic had been made again.")),
      expired_records(registry.AddCounter("collector_kafka_expired_records_total",
                                          "Records that Kafka deleted before they were stored.")),
      recreated(registry.AddCounter("collector_kafka_consumers_recreated_total",
                                    "Consumers replaced after a fatal error.")),
      assigned(registry.AddGauge("collector_kafka_assigned_partitions",
                                 "Partitions that this process has.")),
      blocked(registry.AddGauge("collector_kafka_blocked_partitions",
                                "Of them, those with a record that can be neither stored nor sent "
                                "to the dead-letter topic.")) {}

void ConsumerMetrics::CountConsumed(const std::string& topic, size_t value_bytes) {
  const shared::metrics::LabelMap labels{{"topic", topic}};
  registry_
      .AddCounter("collector_kafka_consumed_records_total", "Records taken from Kafka.", labels)
      .Increment();
  registry_.AddCounter("collector_kafka_consumed_bytes_total", "Their values' size.", labels)
      .Increment(static_cast<double>(value_bytes));
}

void ConsumerMetrics::SetLag(const PartitionId& id, int64_t records) {
  registry_
      .AddGauge("collector_kafka_lag_records",
                "Records that are in Kafka and not stored, of partitions of this process.",
                {{"topic", id.topic}, {"partition", std::to_string(id.partition)}})
      .Set(static_cast<double>(records));
}

}  // namespace collector::bus
