#include "collector/storage/maintenance/maintainer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "tests/support/postgres_server.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using collector::storage::Chore;
using collector::storage::Maintainer;
using collector::storage::MaintainerOptions;
using collector::storage::Readiness;
using shared::Result;
using shared::postgres::Connection;

// What the chores of one maintainer did; shared with its thread.
struct Log {
  std::atomic<int> runs{0};
  std::atomic<int> backend_pid{0};
};

// Counts its runs; fails while it is told to.
class CountingChore final : public Chore {
 public:
  CountingChore(std::string name, Log& log, const std::atomic<bool>* fails = nullptr)
      : name_(std::move(name)), log_(log), fails_(fails) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  Result<std::chrono::milliseconds> Run(Connection& connection, shared::WallTime,
                                        std::stop_token) override {
    log_.backend_pid = connection.backend_pid();
    log_.runs += 1;
    if (fails_ != nullptr && *fails_) {
      return shared::Fail(shared::ErrorCode::kResourceExhausted, "no space");
    }
    RETURN_IF_ERROR(connection.Query("SELECT 1"));
    return 5ms;
  }

 private:
  const std::string name_;
  Log& log_;
  const std::atomic<bool>* fails_;
};

class MaintainerTest : public ::testing::Test {
 protected:
  MaintainerTest() { readiness_.Set({}); }

  std::unique_ptr<Maintainer> Start(std::vector<std::unique_ptr<Chore>> chores,
                                    shared::metrics::Registry& registry,
                                    std::chrono::milliseconds claim_interval = 10ms) {
    MaintainerOptions options;
    options.connect = server_.Options();
    options.claim_interval = claim_interval;
    options.retry = {20ms, 40ms};
    return std::make_unique<Maintainer>(options, std::move(chores), clock_, readiness_, registry);
  }
  std::unique_ptr<Maintainer> Start(Log& log, shared::metrics::Registry& registry,
                                    std::chrono::milliseconds claim_interval = 10ms) {
    std::vector<std::unique_ptr<Chore>> chores;
    chores.push_back(std::make_unique<CountingChore>("count", log));
    return Start(std::move(chores), registry, claim_interval);
  }

  static bool WaitFor(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }

  PostgresServer server_;
  shared::SystemClock clock_;
  Readiness readiness_;
  shared::metrics::Registry first_registry_;
  shared::metrics::Registry second_registry_;
};

TEST_F(MaintainerTest, OwnershipMovesWhenTheOwnersConnectionIsKilled) {
  Log first;
  Log second;
  const auto one = Start(first, first_registry_);
  ASSERT_TRUE(WaitFor([&] { return first.runs > 0; }));
  const auto two = Start(second, second_registry_);
  const int runs = first.runs;
  ASSERT_TRUE(WaitFor([&] { return first.runs > runs + 10; }));
  EXPECT_EQ(second.runs, 0) << "two owners";
  // Whoever of the two asks first is the next; killed often enough it is the other one.
  ASSERT_TRUE(WaitFor([&] {
    server_.Execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks"
        " WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()");
    const int before = first.runs + second.runs;
    return WaitFor([&] { return first.runs + second.runs > before + 1; }) && second.runs > 0;
  }));
}

TEST_F(MaintainerTest, OwnershipMovesWhenTheOwnerStops) {
  Log first;
  Log second;
  auto one = Start(first, first_registry_);
  ASSERT_TRUE(WaitFor([&] { return first.runs > 0; }));
  const auto two = Start(second, second_registry_);
  one->Stop();
  const int runs = first.runs;
  EXPECT_TRUE(WaitFor([&] { return second.runs > 3; }));
  EXPECT_EQ(first.runs, runs);
}

TEST_F(MaintainerTest, AFailingChoreBacksOffWhileTheOthersGoOn) {
  Log good;
  Log bad;
  std::atomic<bool> fails{true};
  std::vector<std::unique_ptr<Chore>> chores;
  chores.push_back(std::make_unique<CountingChore>("bad", bad, &fails));
  chores.push_back(std::make_unique<CountingChore>("good", good));
  const auto maintainer = Start(std::move(chores), first_registry_);
  ASSERT_TRUE(WaitFor([&] { return bad.runs >= 3; }));
  EXPECT_GT(good.runs, 3) << "due each 5 ms, the other each 20 to 40 ms";
  fails = false;
  const int runs = bad.runs;
  ASSERT_TRUE(WaitFor([&] { return bad.runs >= runs + 3; }));
  EXPECT_NE(
      first_registry_.Expose().find("collector_chore_runs_total{chore=\"bad\",result=\"failed\"}"),
      std::string::npos);
}

TEST_F(MaintainerTest, WaitsUntilTheSchemaIsReadyAndNoLonger) {
  readiness_.Set(shared::Fail(shared::ErrorCode::kUnavailable, "no schema yet"));
  Log log;
  const auto maintainer = Start(log, first_registry_, 1h);
  Connection connection = server_.Connect();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(connection.Query("SELECT pg_sleep(0.002)"));
  EXPECT_EQ(log.runs, 0);
  readiness_.Set({});
  EXPECT_TRUE(WaitFor([&] { return log.runs > 0; }));
}

}  // namespace
}  // namespace tests
