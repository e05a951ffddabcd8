#include "agent/postgres/postgres_target.h"

#include <gtest/gtest.h>

#include <future>

#include "agent/postgres/probe.h"
#include "shared/concurrency/bounded_queue.h"
#include "tests/support/postgres_server.h"
#include "tests/support/samples.h"

namespace agent::postgres {
namespace {

using pgvigil::v1::Capability;
using std::chrono::milliseconds;
using SampleMap = std::map<std::string, double>;

SessionOptions SessionTo(const tests::PostgresServer& server, std::string user) {
  SessionOptions out;
  out.host = server.socket_directory();
  out.port = server.port();
  out.user = std::move(user);
  return out;
}

// A running target and the ends of what it writes to.
class Collected {
 public:
  explicit Collected(PostgresTargetOptions options, StatementPoller* statements = nullptr,
                     LogSettingsCallback log_settings = {}, size_t queue_bytes = 1 << 20)
      : queue_(queue_bytes),
        target_(std::move(options),
                {queue_, drops_, capabilities_, clock_, statements, std::move(log_settings)}) {}

  // The next round for which `wanted` is true. Ends when the test's own time limit ends it.
  SampleMap Next(const std::function<bool(const SampleMap&)>& wanted) {
    while (std::optional<pipeline::Telemetry> item = queue_.Pop({})) {
      const auto& round = std::get<pipeline::MetricRound>(*item);
      SampleMap samples = tests::Samples(*round.layout, round.values);
      if (!wanted(samples)) continue;
      common_labels_ = round.layout->common_labels;
      return samples;
    }
    return {};
  }
  SampleMap NextWithUp(double up) {
    return Next([up](const SampleMap& samples) {
      const auto found = samples.find("postgresql.up");
      return found != samples.end() && found->second == up;
    });
  }
  [[nodiscard]] Capability CapabilityOf(const std::string& name) const {
    for (const Capability& capability : capabilities_.Snapshot()) {
      if (capability.name() == name) return capability;
    }
    return {};
  }
  [[nodiscard]] const shared::model::Labels& common_labels() const { return common_labels_; }
  [[nodiscard]] pipeline::Drops& drops() { return drops_; }
  [[nodiscard]] PostgresTarget& target() { return target_; }

 private:
  shared::SystemClock clock_;
  pipeline::TelemetryQueue queue_;
  pipeline::Drops drops_;
  pipeline::Capabilities capabilities_;
  shared::model::Labels common_labels_;
  PostgresTarget target_;
};

PostgresTargetOptions Quick(SessionOptions session) {
  PostgresTargetOptions out;
  out.session = std::move(session);
  out.interval = milliseconds(20);
  out.sizes_interval = milliseconds(50);
  out.facts_interval = milliseconds(20);
  out.reconnect = {milliseconds(5), milliseconds(20)};
  return out;
}

class PostgresTargetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<tests::PostgresServer>(
        tests::PostgresServerOptions{.settings = {{"cluster_name", "blue"}}});
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    server_->Execute("CREATE ROLE pgvigil LOGIN; GRANT pg_monitor TO pgvigil");
  }
  void TearDown() override { server_->Execute("DROP OWNED BY pgvigil; DROP ROLE pgvigil"); }
  static SessionOptions Session() { return SessionTo(*server_, "pgvigil"); }
  static std::unique_ptr<tests::PostgresServer> server_;
};
std::unique_ptr<tests::PostgresServer> PostgresTargetTest::server_;

TEST_F(PostgresTargetTest, CollectsWhatTheServerSays) {
  Collected collected(Quick(Session()));
  const SampleMap samples = collected.NextWithUp(1);
  const auto value = [&](const std::string& name) {
    const auto found = samples.find(name);
    EXPECT_NE(found, samples.end()) << name;
    return found == samples.end() ? -1 : found->second;
  };
  EXPECT_EQ(value("postgresql.connection.max"), 100);
  EXPECT_EQ(value("postgresql.connection.reserved{type=superuser}"), 3);
  EXPECT_EQ(value("postgresql.recovery.in_recovery"), 0);
  EXPECT_EQ(value("postgresql.database.count"), 1);
  EXPECT_GT(value("postgresql.uptime"), 0);
  EXPECT_GT(value("postgresql.start_time"), 1.7e9);
  EXPECT_GT(value("postgresql.commits{db.namespace=postgres}"), 0);
  EXPECT_GT(value("postgresql.xid.age{db.namespace=template0}"), 0);
  EXPECT_EQ(value("postgresql.backends{db.namespace=postgres,postgresql.backend_type=client "
                  "backend,postgresql.state=active}"),
            0);
  EXPECT_EQ(value("postgresql.backends{postgresql.backend_type=checkpointer}"), 1);
  EXPECT_GE(value("postgresql.bgwriter.buffers.allocated"), 0);
  EXPECT_GE(value("postgresql.bgwriter.checkpoint.count{type=requested}"), 0);
  EXPECT_GT(value("postgresql.wal.position"), 0);
  EXPECT_GE(value("postgresql.checkpoint.redo.distance"), 0);
  EXPECT_EQ(value("postgresql.replication.clients"), 0);
  EXPECT_EQ(value("postgresql.wal.archive.failed"), 0);
  EXPECT_EQ(collected.CapabilityOf("postgres:main").state(), Capability::STATE_OK);

  const SampleMap sizes = collected.Next([](const SampleMap& round) {
    return round.contains("postgresql.db_size{db.namespace=postgres}");
  });
  EXPECT_GT(sizes.at("postgresql.db_size{db.namespace=postgres}"), 1 << 20);
  EXPECT_GE(sizes.at("postgresql.wal.directory.files"), 1);
  EXPECT_GE(sizes.at("postgresql.wal.age"), 0);
}

TEST_F(PostgresTargetTest, NamesTheInstanceOnEverySeries) {
  const auto rows = server_->Connect().Query("SELECT system_identifier FROM pg_control_system()");
  Collected collected(Quick(Session()));
  collected.NextWithUp(1);
  const shared::model::Labels expected{
      {"postgresql.system_identifier", std::string(rows->Text(0, 0))},
      {"postgresql.target", "main"},
      {"server.port", std::to_string(server_->port())}};
  EXPECT_EQ(collected.common_labels(), expected);
}

TEST_F(PostgresTargetTest, KeepsItsLayoutFromRoundToRound) {
  shared::SystemClock clock;
  pipeline::TelemetryQueue queue(1 << 20);
  pipeline::Drops drops;
  pipeline::Capabilities capabilities;
  PostgresTargetOptions options = Quick(Session());
  options.sizes_interval = std::chrono::hours(1);
  const PostgresTarget target(options, {queue, drops, capabilities, clock});
  const shared::model::Layout* layout = nullptr;
  int rounds = 0;
  while (rounds < 5) {
    const auto round = std::get<pipeline::MetricRound>(*queue.Pop({}));
    if (round.layout->series[0].name != "postgresql.up") continue;  // sizes
    EXPECT_TRUE(layout == nullptr || layout == round.layout.get());
    layout = round.layout.get();
    rounds += 1;
  }
}

TEST_F(PostgresTargetTest, SeesSessionsAndSlots) {
  shared::postgres::Connection idle = server_->Connect();
  ASSERT_TRUE(idle.Execute("BEGIN; SELECT 1"));
  server_->Execute("SELECT pg_create_physical_replication_slot('forgotten', true)");
  Collected collected(Quick(Session()));
  const SampleMap samples = collected.NextWithUp(1);
  EXPECT_EQ(samples.at("postgresql.backends{db.namespace=postgres,postgresql.backend_type=client "
                       "backend,postgresql.state=idle in transaction}"),
            1);
  EXPECT_GT(samples.at("postgresql.backend.oldest.transaction.age{db.namespace=postgres}"), 0);
  const std::string slot =
      "{postgresql.replication_slot.name=forgotten,postgresql.replication_slot.type=physical}";
  EXPECT_EQ(samples.at("postgresql.replication_slot.active" + slot), 0);
  EXPECT_GE(samples.at("postgresql.replication_slot.retained.bytes" + slot), 0);
  server_->Execute("SELECT pg_drop_replication_slot('forgotten')");
}

TEST_F(PostgresTargetTest, SaysThatPgMonitorIsMissing) {
  server_->Execute("REVOKE pg_monitor FROM pgvigil");
  Collected collected(Quick(Session()));
  const SampleMap samples = collected.NextWithUp(1);
  EXPECT_GT(samples.at("postgresql.commits{db.namespace=postgres}"), 0);
  // Sent with the round that follows, which is after the capability of this one was set.
  collected.NextWithUp(1);
  const Capability capability = collected.CapabilityOf("postgres:main");
  EXPECT_EQ(capability.state(), Capability::STATE_DEGRADED);
  EXPECT_TRUE(capability.detail() ==
                  "role \"pgvigil\" is not a member of pg_monitor: other roles' "
                  "sessions, replication and log settings stay hidden" ||
              capability.detail() ==
                  "wal directory: 42501 permission denied for function pg_ls_waldir")
      << capability.detail();
  EXPECT_EQ(capability.remedy(), "GRANT pg_monitor TO \"pgvigil\";");
  // And it is seen when the grant comes, without a new session.
  server_->Execute("GRANT pg_monitor TO pgvigil");
  while (collected.CapabilityOf("postgres:main").state() != Capability::STATE_OK) {
    collected.NextWithUp(1);
  }
}

TEST_F(PostgresTargetTest, RefusesASuperuserUnlessAllowed) {
  SessionOptions session = SessionTo(*server_, "postgres");
  {
    Collected collected(Quick(session));
    collected.NextWithUp(0);
    const Capability capability = collected.CapabilityOf("postgres:main");
    EXPECT_EQ(capability.state(), Capability::STATE_FAILED);
    EXPECT_EQ(capability.detail(), "role \"postgres\" is a superuser");
    EXPECT_EQ(capability.remedy(),
              "use a role of its own: CREATE ROLE \"postgres\" LOGIN; GRANT pg_monitor TO "
              "\"postgres\"; or set allow_superuser = true");
  }
  session.allow_superuser = true;
  Collected collected(Quick(session));
  EXPECT_FALSE(collected.NextWithUp(1).empty());
}

TEST_F(PostgresTargetTest, IsNotFooledByAHostileDatabase) {
  server_->Execute("CREATE DATABASE hostile");
  server_->Execute(
      "GRANT ALL ON SCHEMA public TO PUBLIC;"
      "CREATE TABLE touched (what text); GRANT ALL ON touched TO PUBLIC;"
      "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS "
      "  $$BEGIN RAISE EXCEPTION 'shadowed'; END$$;"
      "CREATE FUNCTION public.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint';"
      "CREATE FUNCTION public.evil_eq(oid, oid) RETURNS boolean LANGUAGE plpgsql AS "
      "  $$BEGIN RAISE EXCEPTION 'shadowed'; END$$;"
      "CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.evil_eq);"
      "CREATE FUNCTION public.evil_name(name, text) RETURNS boolean LANGUAGE plpgsql AS "
      "  $$BEGIN RAISE EXCEPTION 'shadowed'; END$$;"
      "CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.evil_name);"
      "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';"
      "CREATE VIEW public.pg_stat_database AS SELECT 666 AS xact_commit;"
      "CREATE VIEW public.pg_settings AS SELECT 'data_directory'::text AS name, '/evil'::text AS "
      "  setting;",
      "hostile");
  server_->Execute(
      "ALTER ROLE pgvigil SET search_path = public, pg_catalog;"
      "ALTER ROLE pgvigil SET default_transaction_read_only = off;"
      "ALTER DATABASE hostile SET search_path = public, pg_catalog;"
      "ALTER DATABASE hostile SET statement_timeout = '1ms';"
      "ALTER ROLE pgvigil IN DATABASE hostile SET search_path = public, pg_catalog");
  SessionOptions session = Session();
  session.database = "hostile";
  {
    std::promise<LogSettings> settings;
    Collected collected(
        Quick(session), nullptr,
        [&](const InstanceIdentity&, const LogSettings& log) { settings.set_value(log); });
    const SampleMap samples = collected.NextWithUp(1);
    EXPECT_EQ(samples.at("postgresql.recovery.in_recovery"), 0);
    EXPECT_NE(samples.at("postgresql.commits{db.namespace=hostile}"), 666);
    EXPECT_EQ(settings.get_future().get().data_directory, server_->data_directory());
    collected.NextWithUp(1);
    EXPECT_EQ(collected.CapabilityOf("postgres:main").detail(), "");
  }
  shared::Result<postgres::Session> guarded = OpenSession(session);
  ASSERT_TRUE(guarded) << guarded.error().message;
  const auto write = guarded->connection.Query("INSERT INTO public.touched VALUES ('x')");
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().message, "25006 cannot execute INSERT in a read-only transaction");
  EXPECT_EQ(guarded->connection.Query("SHOW statement_timeout")->Text(0, 0), "5s");
  guarded->connection = server_->Connect();  // leaves the database
  server_->Execute("DROP DATABASE hostile WITH (FORCE)");
}

TEST_F(PostgresTargetTest, CountsRoundsThatTheQueueRefuses) {
  Collected collected(Quick(Session()), nullptr, {}, 1);
  while (collected.drops().Snapshot().empty()) std::this_thread::yield();
  EXPECT_EQ(collected.drops().Snapshot()[0].reason(), "queue_full");
  EXPECT_EQ(collected.drops().Snapshot()[0].stream(), pgvigil::v1::STREAM_METRICS);
}

class CountingPoller final : public StatementPoller {
 public:
  shared::Result<void> Poll(shared::postgres::Connection& connection,
                            const InstanceIdentity& identity) override {
    port_ = identity.port;
    polls_ += 1;
    const auto rows = connection.Query("SELECT pg_catalog.current_setting('search_path')");
    if (!rows) return tl::make_unexpected(rows.error());
    return shared::Fail(shared::ErrorCode::kNotFound, "as the test wants it");
  }
  [[nodiscard]] milliseconds interval() const override { return milliseconds(10); }
  std::atomic<int> polls_ = 0;
  std::atomic<int> port_ = 0;
};

TEST_F(PostgresTargetTest, PollsStatementsOnItsConnection) {
  CountingPoller poller;
  Collected collected(Quick(Session()), &poller);
  while (poller.polls_ < 3) collected.NextWithUp(1);
  EXPECT_EQ(poller.port_, server_->port());
  const Capability capability = collected.CapabilityOf("pg_stat_statements:main");
  EXPECT_EQ(capability.state(), Capability::STATE_FAILED);
  EXPECT_EQ(capability.detail(), "as the test wants it");
}

TEST_F(PostgresTargetTest, TellsOfChangedLogSettings) {
  shared::BoundedQueue<LogSettings> told(1 << 20);
  Collected collected(Quick(Session()), nullptr,
                      [&](const InstanceIdentity& identity, const LogSettings& log) {
                        EXPECT_EQ(identity.port, server_->port());
                        LogSettings copy = log;
                        EXPECT_TRUE(told.TryPush(copy, 1));
                      });
  EXPECT_EQ(told.Pop({})->log_line_prefix, "%m [%p] ");
  server_->Execute("ALTER SYSTEM SET log_line_prefix = '%t '");
  server_->Execute("SELECT pg_reload_conf()");
  EXPECT_EQ(told.Pop({})->log_line_prefix, "%t ");
  server_->Execute("ALTER SYSTEM RESET log_line_prefix");
  server_->Execute("SELECT pg_reload_conf()");
  EXPECT_EQ(told.Pop({})->log_line_prefix, "%m [%p] ");
}

TEST(PostgresTargetRestart, ReportsAwayAndComesBack) {
  tests::PostgresServer server;
  server.Execute("CREATE ROLE pgvigil LOGIN; GRANT pg_monitor TO pgvigil");
  Collected collected(Quick(SessionTo(server, "pgvigil")));
  const double start = collected.NextWithUp(1).at("postgresql.start_time");
  const shared::model::Labels labels = collected.common_labels();
  server.Kill9();
  const SampleMap away = collected.NextWithUp(0);
  EXPECT_EQ(away, (SampleMap{{"postgresql.up", 0}}));
  EXPECT_EQ(collected.common_labels(), labels);  // the same series, not another server's
  EXPECT_EQ(collected.CapabilityOf("postgres:main").state(), Capability::STATE_FAILED);
  server.Start();
  EXPECT_GT(collected.NextWithUp(1).at("postgresql.start_time"), start);
}

TEST(PostgresTargetFrozen, DoesNotHang) {
  tests::PostgresServer server;
  server.Execute("CREATE ROLE pgvigil LOGIN; GRANT pg_monitor TO pgvigil");
  PostgresTargetOptions options = Quick(SessionTo(server, "pgvigil"));
  options.session.connect_timeout = milliseconds(50);
  options.session.statement_timeout = milliseconds(50);
  Collected collected(options);
  collected.NextWithUp(1);
  server.Freeze();
  EXPECT_EQ(collected.NextWithUp(0), (SampleMap{{"postgresql.up", 0}}));
  server.Thaw();
  EXPECT_FALSE(collected.NextWithUp(1).empty());
}

TEST(PostgresTargetStandby, ReportsReplicationOnBothSides) {
  tests::PostgresServer primary;
  primary.Execute(
      "CREATE ROLE pgvigil LOGIN; GRANT pg_monitor TO pgvigil;"
      "SELECT pg_create_physical_replication_slot('standby', true)");
  const std::string conninfo = fmt::format("host={} port={} user=postgres application_name=west",
                                           primary.socket_directory(), primary.port());
  const std::unique_ptr<tests::PostgresServer> standby = primary.MakeStandby("standby", conninfo);
  Collected from_primary(Quick(SessionTo(primary, "pgvigil")));
  const std::string client = "{postgresql.application_name=west,replication_client=unix}";
  const SampleMap sender = from_primary.Next([&](const SampleMap& samples) {
    return samples.contains("postgresql.replication.data_delay" + client);
  });
  EXPECT_GE(sender.at("postgresql.replication.data_delay" + client), 0);
  EXPECT_EQ(sender.at("postgresql.replication.clients"), 1);
  EXPECT_EQ(sender.at("postgresql.replication.state{postgresql.application_name=west,postgresql."
                      "replication.state=streaming,postgresql.replication.sync_state=async,"
                      "replication_client=unix}"),
            1);
  Collected from_standby(Quick(SessionTo(*standby, "pgvigil")));
  const SampleMap receiver = from_standby.NextWithUp(1);
  EXPECT_EQ(receiver.at("postgresql.recovery.in_recovery"), 1);
  EXPECT_EQ(receiver.at("postgresql.recovery.paused"), 0);
  EXPECT_EQ(receiver.at("postgresql.wal_receiver.connected"), 1);
  EXPECT_GE(receiver.at("postgresql.recovery.lag.bytes"), 0);
  EXPECT_GT(receiver.at("postgresql.wal.position"), 0);
  EXPECT_EQ(receiver.at(
                "postgresql.query.conflicts{db.namespace=postgres,postgresql.conflict.type=lock}"),
            0);
}

using ProbePostgresTest = PostgresTargetTest;

TEST_F(ProbePostgresTest, ListsWhatWouldWork) {
  const std::vector<Capability> capabilities = ProbePostgres(Session());
  ASSERT_EQ(capabilities.size(), 3U);
  EXPECT_EQ(capabilities[0].name(), "postgres:main");
  EXPECT_EQ(capabilities[0].state(), Capability::STATE_OK) << capabilities[0].detail();
  EXPECT_EQ(capabilities[1].name(), "pg_stat_statements:main");
  EXPECT_EQ(capabilities[1].state(), Capability::STATE_FAILED);
  EXPECT_NE(capabilities[1].remedy().find("shared_preload_libraries"), std::string::npos)
      << capabilities[1].remedy();
  EXPECT_EQ(capabilities[2].name(), "logs:main");
  EXPECT_EQ(capabilities[2].state(), Capability::STATE_OK);
}

TEST_F(ProbePostgresTest, NamesTheStatementThatHelps) {
  SessionOptions nobody = Session();
  nobody.user = "nobody\"s";
  const std::vector<Capability> capabilities = ProbePostgres(nobody);
  ASSERT_EQ(capabilities.size(), 1U);
  EXPECT_EQ(capabilities[0].detail(), "connect: 28000 role \"nobody\"s\" does not exist");
  EXPECT_EQ(capabilities[0].remedy(),
            "CREATE ROLE \"nobody\"\"s\" LOGIN; GRANT pg_monitor TO \"nobody\"\"s\";");
}

}  // namespace
}  // namespace agent::postgres
