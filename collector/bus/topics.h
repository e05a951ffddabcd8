#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "collector/config/collector_config.h"
#include "shared/base/result.h"

namespace collector::bus {

struct TopicState {
  int partitions = 0;
  uint64_t max_message_bytes = 0;  // its largest record; 0: we may not ask
  bool created = false;            // by this call
  bool operator==(const TopicState&) const = default;
};

// Sees to it that the topics exist: makes those that are missing, with kafka.partitions,
// kafka.replication and room for kafka.message_limit. A topic that exists is left as it is. Opens a
// connection of its own and blocks, at most about `timeout`.
//   kNotFound           one is missing and kafka.create_topics is false: the message has the
//   command
//                       that makes it
//   kPermissionDenied, kInvalidInput   the broker does not let us make it; the command likewise
//   kUnavailable, kTimeout             try again
shared::Result<std::map<std::string, TopicState>> EnsureTopics(const config::Kafka& kafka,
                                                               std::span<const std::string> topics,
                                                               std::chrono::milliseconds timeout);

// kafka-topics.sh --bootstrap-server db1:9092 --create --topic pgvigil.batches.v1 --partitions 12
// --config max.message.bytes=16842752
std::string CreateTopicCommand(const config::Kafka& kafka, const std::string& topic);
// kafka-configs.sh … --add-config max.message.bytes=…, for a topic that takes less than
// kafka.message_limit.
std::string RaiseLimitCommand(const config::Kafka& kafka, const std::string& topic);

// The limit that a topic needs for records of kafka.message_limit, headers and framing included; at
// most what librdkafka can send.
uint64_t TopicLimitBytes(const config::Kafka& kafka);

}  // namespace collector::bus
