#include "tests/support/kafka_client.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace tests {
namespace {

constexpr int kTimeoutMs = 30'000;

[[noreturn]] void Fatal(const std::string& message) {
  fmt::print(stderr, "KafkaClient: {}\n", message);
  std::fflush(stderr);
  std::abort();
}

void Check(rd_kafka_resp_err_t error, std::string_view what) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Fatal(fmt::format("{}: {}", what, rd_kafka_err2str(error)));
  }
}

template <auto kDestroy>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    kDestroy(pointer);
  }
};
using Handle = std::unique_ptr<rd_kafka_t, Deleter<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Deleter<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Deleter<rd_kafka_event_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Deleter<rd_kafka_metadata_destroy>>;
using ErrorHandle = std::unique_ptr<rd_kafka_error_t, Deleter<rd_kafka_error_destroy>>;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                      Deleter<rd_kafka_topic_partition_list_destroy>>;

Handle Connect(rd_kafka_type_t type, const std::string& brokers) {
  std::array<char, 512> error{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [&](const char* name, const char* value) {
    if (rd_kafka_conf_set(conf, name, value, error.data(), error.size()) != RD_KAFKA_CONF_OK) {
      Fatal(error.data());
    }
  };
  set("bootstrap.servers", brokers.c_str());
  set("reconnect.backoff.max.ms", "200");
  set("log_level", "0");
  if (type == RD_KAFKA_PRODUCER) {
    set("acks", "all");
    set("message.max.bytes", "100000000");
  } else {
    set("group.id", "unused");
    set("enable.auto.commit", "false");
    set("auto.offset.reset", "earliest");
    set("enable.partition.eof", "true");
    set("fetch.wait.max.ms", "20");
    set("allow.auto.create.topics", "false");
  }
  rd_kafka_t* const handle = rd_kafka_new(type, conf, error.data(), error.size());
  if (handle == nullptr) Fatal(error.data());
  return Handle(handle);
}

// The event that answers an admin request.
Event Await(const Queue& queue, std::string_view what) {
  Event event(rd_kafka_queue_poll(queue.get(), kTimeoutMs));
  if (!event) Fatal(fmt::format("{}: no answer", what));
  Check(rd_kafka_event_error(event.get()), what);
  return event;
}

void CheckTopics(const rd_kafka_topic_result_t** results, size_t count, std::string_view what) {
  for (size_t i = 0; i < count; ++i) Check(rd_kafka_topic_result_error(results[i]), what);
}

void ProduceOne(rd_kafka_t* handle, const std::string& topic, const KafkaRecord& record) {
  rd_kafka_headers_t* const headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[1].u.i32 = record.partition;
  parts[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[2].u.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK;
  parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[3].u.mem = {const_cast<char*>(record.value.data()), record.value.size()};
  parts[4].vtype = RD_KAFKA_VTYPE_KEY;
  if (record.key) parts[4].u.mem = {const_cast<char*>(record.key->data()), record.key->size()};
  parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[5].u.headers = headers;
  const ErrorHandle error(rd_kafka_produceva(handle, parts.data(), parts.size()));
  if (error) Fatal(fmt::format("produce to {}: {}", topic, rd_kafka_error_string(error.get())));
}

KafkaRecord RecordOf(const rd_kafka_message_t& message) {
  KafkaRecord out;
  out.value.assign(static_cast<const char*>(message.payload), message.len);
  if (message.key != nullptr)
    out.key.emplace(static_cast<const char*>(message.key), message.key_len);
  out.partition = message.partition;
  out.offset = message.offset;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return out;
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; ++i) {
    out.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return out;
}

}  // namespace

void KafkaClient::CreateTopic(
    const std::string& topic, int partitions,
    const std::vector<std::pair<std::string, std::string>>& settings) const {
  const Handle handle = Connect(RD_KAFKA_PRODUCER, brokers_);
  const Queue queue(rd_kafka_queue_new(handle.get()));
  std::array<char, 512> error{};
  rd_kafka_NewTopic_t* made =
      rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, error.data(), error.size());
  if (made == nullptr) Fatal(error.data());
  for (const auto& [name, value] : settings) {
    Check(rd_kafka_NewTopic_set_config(made, name.c_str(), value.c_str()), name);
  }
  rd_kafka_CreateTopics(handle.get(), &made, 1, nullptr, queue.get());
  rd_kafka_NewTopic_destroy(made);
  const std::string what = "create topic " + topic;
  const Event event = Await(queue, what);
  size_t count = 0;
  CheckTopics(
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count),
      count, what);
}

// A broker learns of what its controller did a little later.
void KafkaClient::AwaitPartitions(const std::string& topic, int partitions) const {
  for (int i = 0; i < 1000 && Partitions(topic) != partitions; ++i) {
  }
}

void KafkaClient::DeleteTopic(const std::string& topic) const {
  const Handle handle = Connect(RD_KAFKA_PRODUCER, brokers_);
  const Queue queue(rd_kafka_queue_new(handle.get()));
  rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_DeleteTopics(handle.get(), &gone, 1, nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy(gone);
  const std::string what = "delete topic " + topic;
  const Event event = Await(queue, what);
  size_t count = 0;
  CheckTopics(
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event.get()), &count),
      count, what);
}

// Asks for the list of all topics, which makes none.
int KafkaClient::Partitions(const std::string& topic) const {
  const Handle handle = Connect(RD_KAFKA_PRODUCER, brokers_);
  const rd_kafka_metadata_t* answer = nullptr;
  Check(rd_kafka_metadata(handle.get(), 1, nullptr, &answer, kTimeoutMs), "metadata");
  const Metadata metadata(answer);
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    if (metadata->topics[i].topic == topic) return metadata->topics[i].partition_cnt;
  }
  return 0;
}

std::string KafkaClient::TopicSetting(const std::string& topic, const std::string& name) const {
  const Handle handle = Connect(RD_KAFKA_PRODUCER, brokers_);
  const Queue queue(rd_kafka_queue_new(handle.get()));
  rd_kafka_ConfigResource_t* asked =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_DescribeConfigs(handle.get(), &asked, 1, nullptr, queue.get());
  rd_kafka_ConfigResource_destroy(asked);
  const Event event = Await(queue, "describe topic " + topic);
  size_t resources = 0;
  const rd_kafka_ConfigResource_t** const resource = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &resources);
  size_t count = 0;
  const rd_kafka_ConfigEntry_t** const entries =
      rd_kafka_ConfigResource_configs(resource[0], &count);
  for (size_t i = 0; i < count; ++i) {
    if (rd_kafka_ConfigEntry_name(entries[i]) == name)
      return rd_kafka_ConfigEntry_value(entries[i]);
  }
  Fatal(fmt::format("topic {} has no setting {}", topic, name));
}

void KafkaClient::Produce(const std::string& topic, const std::vector<KafkaRecord>& records) const {
  const Handle handle = Connect(RD_KAFKA_PRODUCER, brokers_);
  const Queue queue(rd_kafka_queue_get_main(handle.get()));
  for (const KafkaRecord& record : records) ProduceOne(handle.get(), topic, record);
  Check(rd_kafka_flush(handle.get(), kTimeoutMs), "flush");
}

std::vector<KafkaRecord> KafkaClient::ReadAll(const std::string& topic) const {
  const int partitions = Partitions(topic);
  const Handle handle = Connect(RD_KAFKA_CONSUMER, brokers_);
  rd_kafka_poll_set_consumer(handle.get());
  std::vector<KafkaRecord> out;
  for (int32_t partition = 0; partition < partitions; ++partition) {
    const PartitionList assigned(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(assigned.get(), topic.c_str(), partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    Check(rd_kafka_assign(handle.get(), assigned.get()), "assign " + topic);
    for (bool end = false; !end;) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(handle.get(), kTimeoutMs);
      if (message == nullptr) Fatal(fmt::format("reading {}: nothing came", topic));
      end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
      if (!end) {
        Check(message->err, "read " + topic);
        out.push_back(RecordOf(*message));
      }
      rd_kafka_message_destroy(message);
    }
  }
  rd_kafka_assign(handle.get(), nullptr);
  return out;
}

void KafkaClient::DeleteRecordsBefore(const std::string& topic, int32_t partition,
                                      int64_t offset) const {
  const Handle handle = Connect(RD_KAFKA_PRODUCER, brokers_);
  const Queue queue(rd_kafka_queue_new(handle.get()));
  const PartitionList before(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(before.get(), topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* asked = rd_kafka_DeleteRecords_new(before.get());
  rd_kafka_DeleteRecords(handle.get(), &asked, 1, nullptr, queue.get());
  rd_kafka_DeleteRecords_destroy(asked);
  const Event event = Await(queue, "delete records of " + topic);
  const rd_kafka_topic_partition_list_t* const answered =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  for (int i = 0; i < answered->cnt; ++i) Check(answered->elems[i].err, "delete records");
}

}  // namespace tests
