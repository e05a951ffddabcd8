#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collector/bus/producer.h"
#include "tests/support/kafka_client.h"
#include "tests/support/kafka_server.h"

namespace tests {

// One Kafka for the tests of a suite; each test uses topics named after itself.
class SharedKafka : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<KafkaServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    // A test before this one may have failed while the server was away.
    server_->Thaw();
    if (!server_->running()) server_->Start();
    config_.brokers = {server_->address()};
    config_.partitions = 3;
  }

  static std::string Topic(std::string_view what = "topic") {
    const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    return std::string(test->test_suite_name()) + "." + test->name() + "." + std::string(what);
  }
  static KafkaClient Client() { return KafkaClient(server_->inner_address()); }

  static inline std::unique_ptr<KafkaServer> server_;
  collector::config::Kafka config_;
  shared::metrics::Registry registry_;
};

// The results of one TrySend, to wait for. Copies share them.
class SendResults {
 public:
  collector::bus::Producer::Done done() {
    return [promise = promise_](std::span<const shared::Result<void>> results) {
      promise->set_value({results.begin(), results.end()});
    };
  }
  // As text, "ok" or "<code>: <message>", joined by newlines; "nothing" after 60 s.
  std::string Text() {
    if (future_.wait_for(std::chrono::seconds(60)) != std::future_status::ready) return "nothing";
    std::string out;
    for (const shared::Result<void>& result : future_.get()) {
      if (!out.empty()) out += '\n';
      out += result ? "ok"
                    : std::string(shared::CodeName(result.error().code)) + ": " +
                          result.error().message;
    }
    return out;
  }
  [[nodiscard]] bool ready() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  using Results = std::vector<shared::Result<void>>;
  std::shared_ptr<std::promise<Results>> promise_ = std::make_shared<std::promise<Results>>();
  std::shared_future<Results> future_ = promise_->get_future().share();
};

// The value of a metric in the exposition: "collector_kafka_queue_bytes"; "" when it is not there.
inline std::string MetricValue(const shared::metrics::Registry& registry, const std::string& name) {
  const std::string text = "\n" + registry.Expose();
  const size_t line = text.find("\n" + name + " ");
  if (line == std::string::npos) return "";
  const size_t value = line + name.size() + 2;
  return text.substr(value, text.find('\n', value) - value);
}

}  // namespace tests
