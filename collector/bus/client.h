#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <string_view>

#include "collector/config/collector_config.h"
#include "shared/base/result.h"

// librdkafka in RAII, and the one place that turns [kafka] into its settings. A header of this
// folder that others include does not include this one.
namespace collector::bus {

template <auto kDestroy>
struct Destroy {
  template <typename T>
  void operator()(T* pointer) const {
    kDestroy(pointer);
  }
};
// Waits for librdkafka's threads. A producer is flushed or purged before, a consumer closed.
using Handle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using Headers = std::unique_ptr<rd_kafka_headers_t, Destroy<rd_kafka_headers_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;
using NativeError = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using TopicPartitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                        Destroy<rd_kafka_topic_partition_list_destroy>>;

// The settings of one client, before it is one:
//   ASSIGN_OR_RETURN(ClientSettings settings, ClientSettings::From(config.kafka, "producer"));
//   RETURN_IF_ERROR(settings.Set("acks", "all"));
//   rd_kafka_conf_set_dr_msg_cb(settings.native(), ...);
//   ASSIGN_OR_RETURN(Handle handle, std::move(settings).Open(RD_KAFKA_PRODUCER));
class ClientSettings {
 public:
  // Brokers, TLS, SASL, the client.id "pgvigil-<purpose>", and what librdkafka has to say goes to
  // our log, repeats held back. kInvalidInput: librdkafka cannot do what `kafka` asks for.
  static shared::Result<ClientSettings> From(const config::Kafka& kafka, std::string_view purpose);

  // A setting by librdkafka's name. kInvalidInput: no such name or value.
  shared::Result<void> Set(const char* name, const std::string& value);
  // For callbacks and the opaque.
  [[nodiscard]] rd_kafka_conf_t* native() const { return conf_.get(); }

  // Starts the client's threads; connects later. kInvalidInput: a certificate or key that cannot be
  // read, settings that contradict each other.
  shared::Result<Handle> Open(rd_kafka_type_t type) &&;

 private:
  using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
  explicit ClientSettings(Conf conf) : conf_(std::move(conf)) {}
  Conf conf_;
};

// What `kafka` asks for and `features` (librdkafka's builtin.features: "gzip,ssl,sasl,…") lacks:
//   kafka.security_protocol = "ssl": this librdkafka (2.0.2) was built without ssl
shared::Result<void> CheckFeatures(const config::Kafka& kafka, std::string_view features);

// librdkafka before 2.6.1 repeats its nonce in SCRAM (#4895); Kafka 4 refuses that as "invalid
// credentials", Kafka 3 takes it. `version`: rd_kafka_version().
bool HasScramFault(const config::Kafka& kafka, int version);

// `reason`, librdkafka's words for a connection that failed, and what helps when HasScramFault is
// the likely cause of it.
std::string ExplainFailure(const config::Kafka& kafka, std::string_view reason, int version);

// An error of librdkafka or of a broker, "<what>: <librdkafka's words>".
//   kNotFound           no such topic or partition
//   kInvalidInput       a record that is larger than someone takes
//   kPermissionDenied   an ACL, or who we are
//   kTimeout, kUnavailable
shared::Error ErrorOf(rd_kafka_resp_err_t error, std::string_view what);

}  // namespace collector::bus
