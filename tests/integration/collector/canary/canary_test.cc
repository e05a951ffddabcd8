#include "collector/canary/canary.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "collector/storage/store.h"
#include "tests/support/metric_value.h"
#include "tests/support/postgres_server.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using collector::canary::Canary;
using collector::canary::CanaryOptions;
using collector::storage::Store;
using collector::storage::StoreOptions;

class CanaryTest : public ::testing::Test {
 protected:
  CanaryTest() {
    server_.Execute("CREATE DATABASE pgvigil");
    StoreOptions options;
    options.connect = server_.Options("pgvigil");
    options.newest_bytes = 0;  // questions are answered by PostgreSQL
    auto store = Store::Open(options, clock_, registry_);
    EXPECT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    CanaryOptions canary;
    canary.tenant = {1};
    canary.collector = "here";
    canary.interval = 20ms;
    canary_ = std::make_unique<Canary>(*store_, store_->reader(), clock_, registry_, canary);
  }
  ~CanaryTest() override {
    canary_->Stop();
    store_->Close();
  }

  double Metric(const std::string& name) const {
    const std::string text = MetricValue(registry_, "collector_canary_" + name);
    return text.empty() ? -1 : std::stod(text);
  }
  void WaitFor(const std::string& name, double least) const {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (Metric(name) < least) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << name << " is " << Metric(name);
      std::this_thread::sleep_for(10ms);
    }
  }
  void Work(const std::string& sql) { server_.Execute(sql, "pgvigil"); }

  PostgresServer server_;
  shared::SystemClock clock_;
  shared::metrics::Registry registry_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Canary> canary_;
};

TEST_F(CanaryTest, ReadsBackWhatItWroteOverARestartOfPostgres) {
  WaitFor("delay_seconds_count", 10);
  server_.Kill9();
  WaitFor("write_failures_total{reason=\"unavailable\"}", 1);
  server_.Start();
  WaitFor("delay_seconds_count", Metric("delay_seconds_count") + 10);
  canary_->Stop();
  EXPECT_GE(Metric("written_total"), 19);
  EXPECT_EQ(Metric("lost_total"), 0);
  EXPECT_EQ(Metric("missing"), 0);
  EXPECT_EQ(Metric("duplicates_total"), 0);
  EXPECT_EQ(Metric("wrong_total"), 0);
  EXPECT_GT(Metric("read_timestamp_seconds"), 1.7e9);
}

TEST_F(CanaryTest, NoticesThatSamplesVanish) {
  WaitFor("delay_seconds_count", 5);
  Work("DELETE FROM pgvigil.block; DELETE FROM pgvigil.chunk_minutes");
  WaitFor("lost_total", 4);
  EXPECT_GE(Metric("missing"), 4);
}

}  // namespace
}  // namespace tests
