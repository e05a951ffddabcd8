#include "collector/bus/dead_letters.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "collector/bus/topics.h"
#include "shared/log/log.h"

namespace collector::bus {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr size_t kMessageLimit = 2048;  // of the header that explains

// What the broker said of the one letter under way.
struct Delivery {
  bool done = false;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  int32_t partition = 0;
  int64_t offset = 0;
};

void OnDelivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  // Null: of an attempt that was given up.
  if (message->_private == nullptr) return;
  auto& delivery = *static_cast<Delivery*>(message->_private);
  delivery = {true, message->err, message->partition, message->offset};
}

Headers HeadersOf(const ConsumedRecord& record, const Fault& fault, bool emptied) {
  Headers headers(rd_kafka_headers_new(record.headers.size() + 7));
  const auto add = [&](std::string_view name, std::string_view value) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  };
  add(kDeadReason, fault.reason);
  add(kDeadMessage, std::string_view(fault.message).substr(0, kMessageLimit));
  add(kDeadTopic, record.topic);
  add(kDeadPartition, std::to_string(record.partition));
  add(kDeadOffset, std::to_string(record.offset));
  add(kDeadTimestamp, std::to_string(record.timestamp_ms));
  if (emptied) add(kDeadEmptied, "true");
  for (const auto& [name, value] : record.headers) add(name, value);
  return headers;
}

}  // namespace

Result<std::unique_ptr<DeadLetters>> DeadLetters::Open(const config::Kafka& kafka) {
  std::unique_ptr<DeadLetters> out(new DeadLetters(kafka));
  RETURN_IF_ERROR(out->Connect());
  return out;
}

Result<void> DeadLetters::Connect() {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(kafka_, "dead-letters"));
  RETURN_IF_ERROR(settings.Set("acks", "all"));
  RETURN_IF_ERROR(settings.Set("linger.ms", "0"));
  RETURN_IF_ERROR(
      settings.Set("message.timeout.ms", std::to_string(kafka_.delivery_timeout.count())));
  RETURN_IF_ERROR(settings.Set("message.max.bytes", std::to_string(TopicLimitBytes(kafka_))));
  rd_kafka_conf_set_dr_msg_cb(settings.native(), OnDelivery);
  ASSIGN_OR_RETURN(handle_, std::move(settings).Open(RD_KAFKA_PRODUCER));
  return {};
}

Result<Grave> DeadLetters::Bury(const ConsumedRecord& record, const Fault& fault) {
  const std::lock_guard lock(mutex_);
  Result<Grave> grave = Send(record, fault, false);
  if (grave || grave.error().code != ErrorCode::kInvalidInput) return grave;
  // What the topic does not take must not stop the partition for ever.
  shared::log::Error("record {} of {} [{}] is buried without its value: {}", record.offset,
                     record.topic, record.partition, grave.error().message);
  return Send(record, fault, true);
}

Result<Grave> DeadLetters::Send(const ConsumedRecord& record, const Fault& fault, bool emptied) {
  Delivery delivery;
  Headers headers = HeadersOf(record, fault, emptied);
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = kafka_.dead_topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_KEY;
  if (record.key) parts[1].u.mem = {const_cast<char*>(record.key->data()), record.key->size()};
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem = {const_cast<char*>(record.value.data()), emptied ? 0 : record.value.size()};
  parts[3].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[3].u.headers = headers.get();
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = &delivery;
  parts[5].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[5].u.i = RD_KAFKA_MSG_F_COPY;
  const std::string what = fmt::format("dead letter to {}", kafka_.dead_topic);
  const NativeError refused(rd_kafka_produceva(handle_.get(), parts.data(), parts.size()));
  if (refused) return tl::make_unexpected(ErrorOf(rd_kafka_error_code(refused.get()), what));
  static_cast<void>(headers.release());  // the message's now
  // message.timeout.ms sees to it that this ends.
  while (!delivery.done) rd_kafka_poll(handle_.get(), 100);
  if (delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Grave{kafka_.dead_topic, delivery.partition, delivery.offset};
  }
  shared::Error error = ErrorOf(delivery.error, what);
  if (error.code != ErrorCode::kInvalidInput) error.code = ErrorCode::kUnavailable;
  return tl::make_unexpected(std::move(error));
}

}  // namespace collector::bus
