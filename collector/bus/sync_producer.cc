#include "collector/bus/sync_producer.h"

#include <array>

#include "collector/bus/topics.h"

namespace collector::bus {
namespace {

using shared::ErrorCode;
using shared::Result;

// What the broker said of the one record under way.
struct Delivery {
  bool done = false;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  int32_t partition = 0;
  int64_t offset = 0;
};

void OnDelivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  auto& delivery = *static_cast<Delivery*>(message->_private);
  delivery = {true, message->err, message->partition, message->offset};
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
  Delivery delivery;
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
  parts[4].u.ptr = &delivery;
  parts[5].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[5].u.i = RD_KAFKA_MSG_F_COPY;
  const std::string what = "record for " + record.topic;
  const NativeError refused(rd_kafka_produceva(handle_.get(), parts.data(), parts.size()));
  if (refused) return tl::make_unexpected(ErrorOf(rd_kafka_error_code(refused.get()), what));
  static_cast<void>(headers.release());  // the message's now
  // message.timeout.ms sees to it that this ends.
  while (!delivery.done) rd_kafka_poll(handle_.get(), 100);
  if (delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Grave{record.topic, delivery.partition, delivery.offset};
  }
  shared::Error error = ErrorOf(delivery.error, what);
  if (error.code != ErrorCode::kInvalidInput) error.code = ErrorCode::kUnavailable;
  return tl::make_unexpected(std::move(error));
}

}  // namespace collector::bus
