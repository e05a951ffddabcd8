#include "collector/bus/client.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace collector::bus {
namespace {

using shared::ErrorCode;

config::Kafka Secured(const std::string& protocol, const std::string& mechanism) {
  config::Kafka out;
  out.brokers = {"127.0.0.1:1"};
  out.security_protocol = protocol;
  out.sasl_mechanism = mechanism;
  out.username = "pgvigil";
  out.password = shared::Secret("geheim");
  return out;
}

TEST(CheckFeatures, NamesWhatLibrdkafkaWasBuiltWithout) {
  const auto message = [](const config::Kafka& kafka, std::string_view features) {
    const shared::Result<void> checked = CheckFeatures(kafka, features);
    return checked ? "" : checked.error().message;
  };
  const std::string version = rd_kafka_version_str();
  EXPECT_EQ(
      message(Secured("ssl", "PLAIN"), "gzip,sasl_ssl,sasl_plain"),
      "kafka.security_protocol = \"ssl\": this librdkafka (" + version + ") was built without ssl");
  EXPECT_EQ(message(Secured("sasl_ssl", "SCRAM-SHA-256"), "ssl,sasl,sasl_plain"),
            "kafka.sasl_mechanism = \"SCRAM-SHA-256\": this librdkafka (" + version +
                ") was built without sasl_scram");
  EXPECT_EQ(message(Secured("sasl_plaintext", "PLAIN"), ""),
            "kafka.sasl_mechanism = \"PLAIN\": this librdkafka (" + version +
                ") was built without sasl_plain");
  EXPECT_EQ(message(Secured("sasl_ssl", "PLAIN"), "ssl,sasl_plain"), "");
  EXPECT_EQ(message(Secured("plaintext", "PLAIN"), ""), "");
}

TEST(HasScramFault, IsThatOfLibrariesBeforeTheirRepair) {
  EXPECT_TRUE(HasScramFault(Secured("sasl_ssl", "SCRAM-SHA-512"), 0x020002ff));
  EXPECT_TRUE(HasScramFault(Secured("sasl_plaintext", "SCRAM-SHA-256"), 0x020600ff));
  EXPECT_FALSE(HasScramFault(Secured("sasl_ssl", "SCRAM-SHA-512"), 0x020601ff));
  EXPECT_FALSE(HasScramFault(Secured("sasl_ssl", "PLAIN"), 0x020002ff));
  EXPECT_FALSE(HasScramFault(Secured("ssl", "SCRAM-SHA-512"), 0x020002ff));
}

TEST(ExplainFailure, SaysWhatHelpsWhenKafka4RefusesAnOldLibrary) {
  const std::string refused =
      "k1:9093: SASL authentication error: Authentication failed during authentication due to "
      "invalid credentials with SASL mechanism SCRAM-SHA-512";
  const config::Kafka scram = Secured("sasl_ssl", "SCRAM-SHA-512");
  EXPECT_EQ(ExplainFailure(scram, refused, 0x020002ff),
            refused +
                ": Kafka 4 refuses the SCRAM-SHA-512 of librdkafka before 2.6.1 (#4895; this one "
                "is " +
                std::string(rd_kafka_version_str()) +
                ") whatever the password: set kafka.sasl_mechanism = \"PLAIN\" with "
                "kafka.security_protocol = \"sasl_ssl\", or use certificates (security_protocol "
                "= \"ssl\", cert, key)");
  EXPECT_EQ(ExplainFailure(scram, refused, 0x020601ff), refused);
  EXPECT_EQ(ExplainFailure(scram, "k1:9093: Connection refused", 0x020002ff),
            "k1:9093: Connection refused");
  EXPECT_EQ(ExplainFailure(Secured("sasl_ssl", "PLAIN"), refused, 0x020002ff), refused);
}

TEST(ClientSettings, TheLibraryHereCanDoAllThatTheConfigurationOffers) {
  for (const char* protocol : {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"}) {
    for (const char* mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
      shared::Result<ClientSettings> settings =
          ClientSettings::From(Secured(protocol, mechanism), "test");
      ASSERT_TRUE(settings) << settings.error().message;
      const shared::Result<Handle> handle = std::move(*settings).Open(RD_KAFKA_PRODUCER);
      EXPECT_TRUE(handle) << protocol << ' ' << mechanism << ": " << handle.error().message;
    }
  }
}

TEST(ClientSettings, RefusesWhatLibrdkafkaDoesNotKnow) {
  shared::Result<ClientSettings> settings =
      ClientSettings::From(Secured("plaintext", "PLAIN"), "test");
  ASSERT_TRUE(settings);
  const shared::Result<void> set = settings->Set("acks.all", "1");
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().message, "kafka: acks.all: No such configuration property: \"acks.all\"");
}

TEST(ClientSettings, NamesTheCertificateThatCannotBeRead) {
  config::Kafka kafka = Secured("ssl", "PLAIN");
  kafka.ca = "/nowhere/ca.pem";
  shared::Result<ClientSettings> settings = ClientSettings::From(kafka, "test");
  ASSERT_TRUE(settings);
  const shared::Result<Handle> handle = std::move(*settings).Open(RD_KAFKA_PRODUCER);
  ASSERT_FALSE(handle);
  EXPECT_EQ(handle.error().code, ErrorCode::kInvalidInput);
  EXPECT_TRUE(handle.error().message.starts_with("kafka: ssl.ca.location failed: "))
      << handle.error().message;
}

TEST(ErrorOf, SaysWhatCanBeDone) {
  EXPECT_EQ(ErrorOf(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "produce").code, ErrorCode::kNotFound);
  EXPECT_EQ(ErrorOf(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "produce").code,
            ErrorCode::kInvalidInput);
  EXPECT_EQ(ErrorOf(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "produce").code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(ErrorOf(RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "produce").code, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, "produce").message,
            "produce: Local: Message timed out");
}

}  // namespace
}  // namespace collector::bus
