#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tests {

struct KafkaServerOptions {
  // server.properties: {"message.max.bytes", "1000"}. Beat the fixture's own.
  std::vector<std::pair<std::string, std::string>> settings{};
  // What clients speak: "PLAINTEXT", "SSL", "SASL_PLAINTEXT" or "SASL_SSL". With SSL the server
  // shows a certificate of its own for localhost and 127.0.0.1: see ca(). With SASL it knows the
  // user "pgvigil" with the password "correct-horse", by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
  std::string protocol = "PLAINTEXT";
  std::string version{};        // "": that of tests/kafka/pom.xml
  std::string log_directory{};  // "": in the fixture's temporary directory; else an empty one
};

// A real Apache Kafka, one node that is broker and controller (KRaft), in a temporary directory on
// free ports of 127.0.0.1. Topics are made by those who want them, with one replica. Dies with the
// object and with the process that made it. Java and the jars: tests/support/fetch-kafka. What the
// fixture cannot do ends the test program with a message on standard error. Ready in 2 to 4 s, so
// tests of a program share one.
//
//   tests::KafkaServer server;
//   config.brokers = {server.address()};
class KafkaServer {
 public:
  explicit KafkaServer(KafkaServerOptions options = {});
  ~KafkaServer();
  KafkaServer(const KafkaServer&) = delete;
  KafkaServer& operator=(const KafkaServer&) = delete;

  [[nodiscard]] std::string address() const;  // "127.0.0.1:21234", the same after a restart
  // The same server without TLS and SASL, for those who arrange or look at something.
  [[nodiscard]] std::string inner_address() const;
  // PEM: the authority of its certificate. "" without SSL.
  [[nodiscard]] std::string ca() const;

  void Stop();   // leaves in order
  void Kill9();  // at once, as the kernel's OOM killer might
  void Start();  // again, on the same data and ports. Ready when it returns
  // Lets the server stand still, so that connections hang instead of failing; and again.
  void Freeze();
  void Thaw();
  [[nodiscard]] bool running();  // false: stopped, killed, or it gave up by itself

  // What the server wrote since its last start.
  [[nodiscard]] std::string Log() const;

 private:
  void MakeCertificate() const;
  void WriteProperties() const;
  void Format() const;
  void WaitUntilStarted();

  const KafkaServerOptions options_;
  const std::string jars_;
  std::string directory_;
  uint16_t client_port_ = 0;
  uint16_t inner_port_ = 0;
  uint16_t controller_port_ = 0;
  pid_t server_ = -1;
};

}  // namespace tests
