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
#include "tests/support/metric_value.h"

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
    // A broker on a loaded machine, under a sanitizer, may take its time; a test that is about
    // timeouts sets its own.
    config_.delivery_timeout = std::chrono::minutes(2);
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
  // As text, "ok" or "<code>: <message>", joined by newlines; "nothing" after 3 min.
  std::string Text() {
    if (future_.wait_for(std::chrono::minutes(3)) != std::future_status::ready) return "nothing";
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

}  // namespace tests
