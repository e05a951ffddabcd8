// TLS and SASL against a server that wants them.
#include <gmock/gmock.h>

#include "collector/bus/client.h"
#include "collector/bus/producer.h"
#include "collector/bus/topics.h"
#include "tests/integration/collector/bus/shared_kafka.h"

namespace collector::bus {
namespace {

using ::testing::HasSubstr;
using tests::KafkaServer;

// What EnsureTopics says of a topic "a"; "" when all is well.
std::string Ensure(const config::Kafka& config,
                   std::chrono::milliseconds most = std::chrono::minutes(1)) {
  const auto topics = EnsureTopics(config, std::vector<std::string>{"a"}, most);
  return topics ? "" : topics.error().message;
}

std::string SendOne(const config::Kafka& config) {
  shared::metrics::Registry registry;
  const auto producer = Producer::Open(config, registry);
  if (!producer) return producer.error().message;
  std::vector<Record> records{{"a", "key", "value", {}}};
  tests::SendResults results;
  EXPECT_TRUE((*producer)->TrySend(records, results.done()));
  return results.Text();
}

config::Kafka ConfigFor(const KafkaServer& server, const std::string& protocol) {
  config::Kafka out;
  out.brokers = {server.address()};
  out.security_protocol = protocol;
  out.username = "pgvigil";
  out.password = shared::Secret("correct-horse");
  out.ca = server.ca();
  out.partitions = 1;
  out.delivery_timeout = std::chrono::minutes(2);  // of a loaded machine
  return out;
}

// Kafka 4 refuses the SCRAM of librdkafka before 2.6.1 (#4895): see HasScramFault in client.h.
TEST(KafkaSecurity, SpeaksTlsAndEverySaslMechanism) {
  const KafkaServer server({.protocol = "SASL_SSL", .version = "3.9.1"});
  config::Kafka config = ConfigFor(server, "sasl_ssl");
  for (const char* mechanism : {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}) {
    config.sasl_mechanism = mechanism;
    EXPECT_EQ(Ensure(config), "") << mechanism;
    EXPECT_EQ(SendOne(config), "ok") << mechanism;
  }
  EXPECT_EQ(tests::KafkaClient(server.inner_address()).ReadAll("a").size(), 3u);
}

TEST(KafkaSecurity, SaysWhatIsWrongWithCertificateAndPassword) {
  const KafkaServer server({.protocol = "SASL_SSL"});
  config::Kafka config = ConfigFor(server, "sasl_ssl");
  config.delivery_timeout = std::chrono::milliseconds(3'000);
  config.sasl_mechanism = "PLAIN";
  EXPECT_EQ(Ensure(config), "");
  config.password = shared::Secret("wrong horse");
  std::string refused = SendOne(config);
  EXPECT_THAT(refused, HasSubstr("unavailable: Kafka did not acknowledge within 3000 ms: Kafka: "));
  EXPECT_THAT(refused, HasSubstr("SASL authentication error"));
  EXPECT_EQ(refused.find("horse"), std::string::npos) << refused;
  // Only with a library that Kafka 4 refuses: whoever reads the message must not doubt the
  // password.
  config = ConfigFor(server, "sasl_ssl");
  config.delivery_timeout = std::chrono::milliseconds(3'000);
  config.sasl_mechanism = "SCRAM-SHA-512";
  const bool works = !HasScramFault(config, rd_kafka_version());
  const std::string listed = Ensure(config, std::chrono::seconds(5));
  refused = SendOne(config);
  EXPECT_THAT(listed, works ? HasSubstr("") : HasSubstr("Kafka 4 refuses the SCRAM-SHA-512 of"));
  EXPECT_THAT(refused, works ? HasSubstr("ok") : HasSubstr("Kafka 4 refuses the SCRAM-SHA-512 of"));
  config = ConfigFor(server, "sasl_ssl");
  config.delivery_timeout = std::chrono::milliseconds(3'000);
  config.ca.clear();  // the authorities of the system, which do not know this server
  EXPECT_THAT(SendOne(config), HasSubstr("certificate verify failed"));
}

}  // namespace
}  // namespace collector::bus
