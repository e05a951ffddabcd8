// Questions from a hot standby, by way of the store's reader.
#include "collector/storage/replica_watch.h"

#include <fmt/format.h>

#include <functional>

#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using std::chrono::milliseconds;

class ReplicaTest : public ::testing::Test {
 protected:
  ReplicaTest() : primary_({.settings = {{"wal_level", "replica"}}}) {
    primary_.Execute("SELECT pg_create_physical_replication_slot('standby', true)");
    primary_.Execute("CREATE DATABASE pgvigil");
    standby_ = primary_.MakeStandby(
        "standby", fmt::format("host={} port=5432 user=postgres", primary_.socket_directory()));
  }

  void Open(milliseconds max_lag) {
    StoreOptions options;
    options.connect = primary_.Options("pgvigil");
    options.replica = standby_->Options("pgvigil");
    options.replica_max_lag = max_lag;
    options.reconnect = {milliseconds(10), milliseconds(50)};
    options.maintains = false;
    auto store = Store::Open(options, clock_, registry_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    Until([&] { return store_->reader().Ready().has_value(); }, "the store is not ready");
    UntilUsable();
  }

  static void Until(const std::function<bool()>& done, const char* what) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << what;
      std::this_thread::yield();
    }
  }
  void UntilUsable() {
    Until([&] { return registry_.AddGauge("collector_replica_usable", "").value() == 1; },
          "the replica is not usable");
  }
  void UntilFallback(const char* reason) {
    Until(
        [&] {
          return registry_.AddCounter("collector_replica_fallbacks_total", "", {{"reason", reason}})
                     .value() >= 1;
        },
        reason);
  }

  // What the primary has and a standby that replays nothing has not.
  void AddHost(const std::string& name) {
    primary_.Execute(fmt::format("INSERT INTO pgvigil.host (tenant_id, host_key, name, resource)"
                                 " VALUES (1, '{0}', '{0}', '{{}}')",
                                 name),
                     "pgvigil");
  }
  std::string Hosts() {
    const auto hosts =
        store_->reader().Hosts({{1}, clock_.Monotonic() + std::chrono::seconds(20)}, 100);
    EXPECT_TRUE(hosts) << hosts.error().message;
    std::string out;
    for (const auto& host : hosts.value_or(std::vector<collector::api::HostRow>())) {
      out += (out.empty() ? "" : ", ") + host.name;
    }
    return out;
  }

  PostgresServer primary_;
  std::unique_ptr<PostgresServer> standby_;
  FakeClock clock_;
  shared::metrics::Registry registry_;
  std::unique_ptr<Store> store_;
};

TEST_F(ReplicaTest, AnswersQuestionsAlsoWhileThePrimaryIsAway) {
  Open(std::chrono::hours(1));
  AddHost("one");
  Until([&] { return Hosts() == "one"; }, "the standby does not follow");
  standby_->Execute("SELECT pg_wal_replay_pause()");
  Until(
      [&] {
        const auto state = standby_->Connect().Query("SELECT pg_get_wal_replay_pause_state()");
        return state && state->Text(0, 0) == "paused";
      },
      "replay does not pause");
  AddHost("two");
  EXPECT_EQ(Hosts(), "one");
  primary_.Stop();
  EXPECT_EQ(Hosts(), "one");
  primary_.Start();
}

TEST_F(ReplicaTest, GivesWayToThePrimaryWhenItLags) {
  Open(milliseconds(1'000));
  standby_->Execute("SELECT pg_wal_replay_pause()");
  AddHost("one");
  UntilFallback("lag");
  EXPECT_EQ(Hosts(), "one");
  standby_->Execute("SELECT pg_wal_replay_resume()");
  UntilUsable();
  EXPECT_EQ(Hosts(), "one");
}

TEST_F(ReplicaTest, GivesWayToThePrimaryWhenItIsAway) {
  Open(std::chrono::hours(1));
  AddHost("one");
  Until([&] { return Hosts() == "one"; }, "the standby does not follow");
  // The connection of the last question is still open: its loss is no error.
  standby_->Kill9();
  EXPECT_EQ(Hosts(), "one");
  UntilFallback("away");
  AddHost("two");
  EXPECT_EQ(Hosts(), "one, two");
  standby_->Start();
  UntilUsable();
  EXPECT_EQ(Hosts(), "one, two");
}

TEST_F(ReplicaTest, IsNotAskedOncePromoted) {
  Open(std::chrono::hours(1));
  standby_->Execute("SELECT pg_promote()");
  UntilFallback("not_standby");
  AddHost("one");
  EXPECT_EQ(Hosts(), "one");
}

}  // namespace
}  // namespace tests
