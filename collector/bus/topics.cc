#include "collector/bus/topics.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/bus/client.h"

namespace collector::bus {
namespace {

using shared::Error;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using std::chrono::milliseconds;

constexpr int kAgainMs = 50;
constexpr const char* kLimitName = "max.message.bytes";
// What Kafka adds to key, value and headers, generously.
constexpr uint64_t kFramingBytes = 64 << 10;
constexpr uint64_t kMostMessageBytes = 1'000'000'000;  // librdkafka's

// One connection and the questions to it. Stays where it is: librdkafka points to it.
class Admin {
 public:
  Admin(const config::Kafka& kafka, milliseconds timeout)
      : kafka_(kafka), timeout_ms_(static_cast<int>(timeout.count())) {}
  Result<void> Open();

  // Partitions by topic, of all that exist.
  Result<std::map<std::string, int>> Partitions();
  Result<void> Create(const std::string& topic);
  // A topic that was just made shows up a little later. 0: not in time.
  Result<int> AwaitPartitions(const std::string& topic);
  // nullopt: we may not ask.
  Result<std::optional<uint64_t>> MaxMessageBytes(const std::string& topic);

 private:
  static void OnError(rd_kafka_t* handle, int error, const char* text, void* self);
  Result<Event> Answer(std::string_view what);

  const config::Kafka& kafka_;
  const int timeout_ms_;
  std::string refusal_;  // why a broker does not let us in
  Handle handle_;
  Queue queue_;
};

Result<void> Admin::Open() {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(kafka_, "topics"));
  rd_kafka_conf_set_opaque(settings.native(), this);
  rd_kafka_conf_set_error_cb(settings.native(), OnError);
  ASSIGN_OR_RETURN(handle_, std::move(settings).Open(RD_KAFKA_PRODUCER));
  queue_.reset(rd_kafka_queue_new(handle_.get()));
  return {};
}

// By rd_kafka_poll.
void Admin::OnError(rd_kafka_t* /*handle*/, int error, const char* text, void* self) {
  if (error != RD_KAFKA_RESP_ERR__AUTHENTICATION && error != RD_KAFKA_RESP_ERR__SSL) return;
  auto& admin = *static_cast<Admin*>(self);
  admin.refusal_ = ExplainFailure(admin.kafka_, text, rd_kafka_version());
}

Result<Event> Admin::Answer(std::string_view what) {
  Event event(rd_kafka_queue_poll(queue_.get(), timeout_ms_));
  if (!event) return Fail(ErrorCode::kTimeout, "{}: no answer within {} ms", what, timeout_ms_);
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return tl::make_unexpected(ErrorOf(error, what));
  return event;
}

// The list of all topics: asking for one by name could make it.
Result<std::map<std::string, int>> Admin::Partitions() {
  const rd_kafka_metadata_t* answer = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(handle_.get(), 1, nullptr, &answer, timeout_ms_);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_poll(handle_.get(), 0);
    Error out = ErrorOf(error, "Kafka: list of topics");
    if (!refusal_.empty()) out.message += ": " + refusal_;
    return tl::make_unexpected(std::move(out));
  }
  const Metadata metadata(answer);
  std::map<std::string, int> out;
  for (const rd_kafka_metadata_topic& topic :
       std::span(metadata->topics, static_cast<size_t>(metadata->topic_cnt))) {
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR) out.emplace(topic.topic, topic.partition_cnt);
  }
  return out;
}

Result<void> Admin::Create(const std::string& topic) {
  std::array<char, 512> text{};
  rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic.c_str(), kafka_.partitions,
                                                      kafka_.replication, text.data(), text.size());
  if (wanted == nullptr) return Fail(ErrorCode::kInvalidInput, "topic {}: {}", topic, text.data());
  rd_kafka_NewTopic_set_config(wanted, kLimitName, std::to_string(TopicLimitBytes(kafka_)).c_str());
  rd_kafka_CreateTopics(handle_.get(), &wanted, 1, nullptr, queue_.get());
  rd_kafka_NewTopic_destroy(wanted);
  const std::string what = fmt::format("topic {} cannot be made", topic);
  ASSIGN_OR_RETURN(const Event event, Answer(what));
  size_t count = 0;
  const rd_kafka_topic_result_t** const results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (const rd_kafka_topic_result_t* const result : std::span(results, count)) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
    // Another process was faster.
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    Error out = ErrorOf(error, what);
    const char* const detail = rd_kafka_topic_result_error_string(result);
    if (detail != nullptr) out.message = fmt::format("{}: {}", what, detail);
    if (out.code != ErrorCode::kPermissionDenied && out.code != ErrorCode::kTimeout) {
      out.code = ErrorCode::kInvalidInput;
    }
    return tl::make_unexpected(std::move(out));
  }
  return {};
}

Result<int> Admin::AwaitPartitions(const std::string& topic) {
  const auto end = std::chrono::steady_clock::now() + milliseconds(timeout_ms_);
  while (true) {
    ASSIGN_OR_RETURN(const auto partitions, Partitions());
    if (const auto found = partitions.find(topic); found != partitions.end()) return found->second;
    if (std::chrono::steady_clock::now() > end) return 0;
    Event(rd_kafka_queue_poll(queue_.get(), kAgainMs)).reset();  // nothing comes: a pause
  }
}

Result<std::optional<uint64_t>> Admin::MaxMessageBytes(const std::string& topic) {
  rd_kafka_ConfigResource_t* asked =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
  rd_kafka_DescribeConfigs(handle_.get(), &asked, 1, nullptr, queue_.get());
  rd_kafka_ConfigResource_destroy(asked);
  const std::string what = fmt::format("settings of topic {}", topic);
  ASSIGN_OR_RETURN(const Event event, Answer(what));
  size_t count = 0;
  const rd_kafka_ConfigResource_t** const resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  for (const rd_kafka_ConfigResource_t* const resource : std::span(resources, count)) {
    const rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(resource);
    if (error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) return std::nullopt;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return tl::make_unexpected(ErrorOf(error, what));
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** const settings =
        rd_kafka_ConfigResource_configs(resource, &entries);
    for (const rd_kafka_ConfigEntry_t* const setting : std::span(settings, entries)) {
      if (std::string_view(rd_kafka_ConfigEntry_name(setting)) != kLimitName) continue;
      const char* const value = rd_kafka_ConfigEntry_value(setting);
      const std::string_view digits = value == nullptr ? "" : value;
      uint64_t bytes = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
      return bytes;
    }
  }
  return std::nullopt;
}

}  // namespace

uint64_t TopicLimitBytes(const config::Kafka& kafka) {
  return std::min(kafka.message_limit_bytes + kFramingBytes, kMostMessageBytes);
}

std::string CreateTopicCommand(const config::Kafka& kafka, const std::string& topic) {
  const std::string replication =
      kafka.replication < 0 ? "" : fmt::format(" --replication-factor {}", kafka.replication);
  return fmt::format(
      "kafka-topics.sh --bootstrap-server {} --create --topic {} --partitions {}{} --config {}={}",
      fmt::join(kafka.brokers, ","), topic, kafka.partitions, replication, kLimitName,
      TopicLimitBytes(kafka));
}

std::string RaiseLimitCommand(const config::Kafka& kafka, const std::string& topic) {
  return fmt::format(
      "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} "
      "--add-config {}={}",
      fmt::join(kafka.brokers, ","), topic, kLimitName, TopicLimitBytes(kafka));
}

Result<std::map<std::string, TopicState>> EnsureTopics(const config::Kafka& kafka,
                                                       std::span<const std::string> topics,
                                                       milliseconds timeout) {
  Admin admin(kafka, timeout);
  RETURN_IF_ERROR(admin.Open());
  ASSIGN_OR_RETURN(const auto partitions, admin.Partitions());
  std::map<std::string, TopicState> out;
  for (const std::string& topic : topics) {
    if (out.contains(topic)) continue;
    TopicState& state = out[topic];
    if (const auto found = partitions.find(topic); found != partitions.end()) {
      state.partitions = found->second;
      ASSIGN_OR_RETURN(const std::optional<uint64_t> limit, admin.MaxMessageBytes(topic));
      state.max_message_bytes = limit.value_or(0);
      continue;
    }
    if (!kafka.create_topics) {
      return Fail(ErrorCode::kNotFound,
                  "topic {} does not exist and kafka.create_topics is false; to make it: {}", topic,
                  CreateTopicCommand(kafka, topic));
    }
    if (Result<void> created = admin.Create(topic); !created) {
      Error error = std::move(created).error();
      if (!shared::IsRetryable(error.code)) {
        error.message += "; to make it by hand: " + CreateTopicCommand(kafka, topic);
      }
      return tl::make_unexpected(std::move(error));
    }
    ASSIGN_OR_RETURN(state.partitions, admin.AwaitPartitions(topic));
    state.max_message_bytes = TopicLimitBytes(kafka);
    state.created = true;
  }
  return out;
}

}  // namespace collector::bus
