#include "collector/bus/client.h"

#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "shared/log/log.h"

namespace collector::bus {
namespace {

using shared::Error;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;

// librdkafka's levels are syslog's. A connection that fails is not for alarm: someone else says
// when it lasts.
shared::log::Level LevelOf(int level) {
  if (level <= 2) return shared::log::Level::kError;
  if (level <= 4) return shared::log::Level::kWarn;
  return level == 7 ? shared::log::Level::kDebug : shared::log::Level::kInfo;
}

// Called by librdkafka's threads. Its lines carry no secrets; a broker that is away would write
// several a second.
void Log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  static shared::log::RateLimit limit(std::chrono::seconds(10));
  const shared::log::Level ours = LevelOf(level);
  if (!shared::log::Enabled(ours)) return;
  uint64_t suppressed = 0;
  if (!limit.Allow(&suppressed)) return;
  const std::string held =
      suppressed == 0 ? "" : fmt::format(" ({} lines of Kafka held back)", suppressed);
  shared::log::Write(
      ours, fmt::format("Kafka: {}: {}: {}{}", handle == nullptr ? "" : rd_kafka_name(handle),
                        facility, text, held));
}

bool HasFeature(std::string_view features, std::string_view wanted) {
  while (!features.empty()) {
    const size_t comma = features.find(',');
    if (features.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) break;
    features.remove_prefix(comma + 1);
  }
  return false;
}

std::string BuiltinFeatures(const rd_kafka_conf_t* conf) {
  std::array<char, 512> features{};
  size_t size = features.size();
  rd_kafka_conf_get(conf, "builtin.features", features.data(), &size);
  return features.data();
}

}  // namespace

Result<void> CheckFeatures(const config::Kafka& kafka, std::string_view features) {
  const auto missing = [&](std::string_view key, std::string_view value, std::string_view feature) {
    return Fail(ErrorCode::kInvalidInput,
                "kafka.{} = \"{}\": this librdkafka ({}) was built without {}", key, value,
                rd_kafka_version_str(), feature);
  };
  if (kafka.security_protocol.ends_with("ssl") && !HasFeature(features, "ssl")) {
    return missing("security_protocol", kafka.security_protocol, "ssl");
  }
  if (!kafka.security_protocol.starts_with("sasl")) return {};
  const std::string_view mechanism = kafka.sasl_mechanism == "PLAIN" ? "sasl_plain" : "sasl_scram";
  if (!HasFeature(features, mechanism)) {
    return missing("sasl_mechanism", kafka.sasl_mechanism, mechanism);
  }
  return {};
}

bool HasScramFault(const config::Kafka& kafka, int version) {
  return kafka.security_protocol.starts_with("sasl") && kafka.sasl_mechanism.starts_with("SCRAM") &&
         version < 0x020601ff;
}

std::string ExplainFailure(const config::Kafka& kafka, std::string_view reason, int version) {
  if (!HasScramFault(kafka, version) ||
      reason.find("SASL authentication error") == std::string_view::npos) {
    return std::string(reason);
  }
  return fmt::format(
      "{}: Kafka 4 refuses the {} of librdkafka before 2.6.1 (#4895; this one is {}) whatever the "
      "password: set kafka.sasl_mechanism = \"PLAIN\" with kafka.security_protocol = \"sasl_ssl\", "
      "or use certificates (security_protocol = \"ssl\", cert, key)",
      reason, kafka.sasl_mechanism, rd_kafka_version_str());
}

Result<ClientSettings> ClientSettings::From(const config::Kafka& kafka, std::string_view purpose) {
  ClientSettings out{Conf(rd_kafka_conf_new())};
  RETURN_IF_ERROR(CheckFeatures(kafka, BuiltinFeatures(out.native())));
  rd_kafka_conf_set_log_cb(out.native(), Log);
  const auto set = [&](const char* name, const std::string& value) -> Result<void> {
    return value.empty() ? Result<void>() : out.Set(name, value);
  };
  RETURN_IF_ERROR(set("bootstrap.servers", fmt::format("{}", fmt::join(kafka.brokers, ","))));
  RETURN_IF_ERROR(set("client.id", fmt::format("pgvigil-{}", purpose)));
  RETURN_IF_ERROR(set("security.protocol", kafka.security_protocol));
  // A broker that is back is noticed within two seconds, not ten; one that closes an idle
  // connection is not worth a line.
  RETURN_IF_ERROR(set("reconnect.backoff.max.ms", "2000"));
  RETURN_IF_ERROR(set("log.connection.close", "false"));
  RETURN_IF_ERROR(set("socket.keepalive.enable", "true"));
  if (kafka.security_protocol.ends_with("ssl")) {
    RETURN_IF_ERROR(set("ssl.endpoint.identification.algorithm", "https"));
    RETURN_IF_ERROR(set("ssl.ca.location", kafka.ca));
    RETURN_IF_ERROR(set("ssl.certificate.location", kafka.cert));
    RETURN_IF_ERROR(set("ssl.key.location", kafka.key));
  }
  if (kafka.security_protocol.starts_with("sasl")) {
    RETURN_IF_ERROR(set("sasl.mechanism", kafka.sasl_mechanism));
    RETURN_IF_ERROR(set("sasl.username", kafka.username));
    RETURN_IF_ERROR(set("sasl.password", kafka.password.Reveal()));
  }
  return out;
}

Result<void> ClientSettings::Set(const char* name, const std::string& value) {
  std::array<char, 512> error{};
  if (rd_kafka_conf_set(conf_.get(), name, value.c_str(), error.data(), error.size()) !=
      RD_KAFKA_CONF_OK) {
    // librdkafka's text may quote the value.
    const bool secret = std::string_view(name) == "sasl.password";
    return Fail(ErrorCode::kInvalidInput, "kafka: {}: {}", name,
                secret ? "not accepted" : error.data());
  }
  return {};
}

Result<Handle> ClientSettings::Open(rd_kafka_type_t type) && {
  std::array<char, 512> error{};
  rd_kafka_t* const handle = rd_kafka_new(type, conf_.get(), error.data(), error.size());
  if (handle == nullptr) return Fail(ErrorCode::kInvalidInput, "kafka: {}", error.data());
  static_cast<void>(conf_.release());  // the client's now
  return Handle(handle);
}

Error ErrorOf(rd_kafka_resp_err_t error, std::string_view what) {
  const std::string message = fmt::format("{}: {}", what, rd_kafka_err2str(error));
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {ErrorCode::kNotFound, message};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return {ErrorCode::kInvalidInput, message};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return {ErrorCode::kPermissionDenied, message};
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      return {ErrorCode::kTimeout, message};
    default:
      return {ErrorCode::kUnavailable, message};
  }
}

}  // namespace collector::bus
