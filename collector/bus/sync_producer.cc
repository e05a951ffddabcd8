#include "collector/bus/sync_producer.h"

#include <array>

#include "collector/bus/topics.h"

namespace collector::bus {
namespace {

using shared::ErrorCode;
using shared::Result;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{100};

std::string WhatOf(const std::string& topic) {
  return "record for " + topic;
}

void OnDelivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  auto& sending = *static_cast<SyncProducer::Sending*>(message->_private);
  sending.done = true;
  sending.error = message->err;
  sending.partition = message->partition;
  sending.offset = message->offset;
}

}  // namespace

Result<SyncProducer> SyncProducer::Open(const config::Kafka& kafka, std::string_view purpose) {
  ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(kafka, purpose));
  RETURN_IF_ERROR(settings.Set("acks", "all"));
  RETURN_IF_ERROR(settings.Set("linger.ms", "0"));
  RETURN_IF_ERROR(settings.Set("partitioner", "murmur2_random"));  // as Producer
  RETURN_IF_ERROR(
      settings.Set("message.timeout.ms", std::to_string(kafka.delivery_timeout.count())));
  RETURN_IF_ERROR(settings.Set("message.max.bytes", std::to_string(TopicLimitBytes(kafka))));
  rd_kafka_conf_set_dr_msg_cb(settings.native(), OnDelivery);
  ASSIGN_OR_RETURN(Handle handle, std::move(settings).Open(RD_KAFKA_PRODUCER));
  return SyncProducer(std::move(handle));
}

Result<Grave> SyncProducer::Send(const OutgoingRecord& record) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Sending> sending, Start(record));
  while (true) {  // message.timeout.ms sees to it that this ends
    if (std::optional<Result<Grave>> result = Wait(*sending, kPoll)) return std::move(*result);
  }
}

Result<std::unique_ptr<SyncProducer::Sending>> SyncProducer::Start(const OutgoingRecord& record) {
  auto sending = std::make_unique<Sending>();
  sending->topic = record.topic;
  Headers headers(rd_kafka_headers_new(record.headers.size()));
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  parts[0].u.cstr = record.topic.c_str();
  parts[1].vtype = RD_KAFKA_VTYPE_KEY;
  if (record.key) parts[1].u.mem = {const_cast<char*>(record.key->data()), record.key->size()};
  parts[2].vtype = RD_KAFKA_VTYPE_VALUE;
  parts[2].u.mem = {const_cast<char*>(record.value.data()), record.value.size()};
  parts[3].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[3].u.headers = headers.get();
  parts[4].vtype = RD_KAFKA_VTYPE_OPAQUE;
  parts[4].u.ptr = sending.get();
  parts[5].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[5].u.i = RD_KAFKA_MSG_F_COPY;
  const NativeError refused(rd_kafka_produceva(handle_.get(), parts.data(), parts.size()));
  if (refused) {
    return tl::make_unexpected(ErrorOf(rd_kafka_error_code(refused.get()), WhatOf(record.topic)));
  }
  static_cast<void>(headers.release());  // the message's now
  return sending;
}

std::optional<Result<Grave>> SyncProducer::Wait(const Sending& sending, milliseconds most) {
  const auto end = std::chrono::steady_clock::now() + most;
  auto left = most;
  do {
    // Takes the news of all records under way.
    if (!sending.done) rd_kafka_poll(handle_.get(), static_cast<int>(left.count()));
    left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
  } while (!sending.done && left > milliseconds(0));
  if (!sending.done) return std::nullopt;
  if (sending.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Grave{sending.topic, sending.partition, sending.offset};
  }
  shared::Error error = ErrorOf(sending.error, WhatOf(sending.topic));
  if (error.code != ErrorCode::kInvalidInput) error.code = ErrorCode::kUnavailable;
  return tl::make_unexpected(std::move(error));
}

}  // namespace collector::bus
