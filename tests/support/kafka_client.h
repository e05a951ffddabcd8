#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tests {

struct KafkaRecord {
  std::string value{};
  std::optional<std::string> key{};
  std::vector<std::pair<std::string, std::string>> headers{};
  int32_t partition = -1;  // when produced, -1: by the key
  int64_t offset = -1;     // not looked at when produced
};

// What a test wants of Kafka besides the code under test, over connections of its own for each
// call. What fails ends the test program with a message on standard error.
class KafkaClient {
 public:
  explicit KafkaClient(std::string brokers) : brokers_(std::move(brokers)) {}

  void CreateTopic(const std::string& topic, int partitions = 1,
                   const std::vector<std::pair<std::string, std::string>>& settings = {}) const;
  void DeleteTopic(const std::string& topic) const;
  [[nodiscard]] int Partitions(const std::string& topic) const;  // 0: no such topic
  // The effective value: TopicSetting("a", "max.message.bytes").
  [[nodiscard]] std::string TopicSetting(const std::string& topic, const std::string& name) const;

  // Returns when all are acknowledged; records of a partition keep their order.
  void Produce(const std::string& topic, const std::vector<KafkaRecord>& records) const;
  // All that the topic holds now, partition by partition in order of offsets.
  [[nodiscard]] std::vector<KafkaRecord> ReadAll(const std::string& topic) const;
  // Deletes the records of a partition before `offset`, as retention would.
  void DeleteRecordsBefore(const std::string& topic, int32_t partition, int64_t offset) const;

 private:
  void AwaitPartitions(const std::string& topic, int partitions) const;
  const std::string brokers_;
};

}  // namespace tests
