#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/postgres/statements/normalise.h"
#include "agent/postgres/statements/poller.h"
#include "tests/support/fake_clock.h"
#include "tests/support/postgres_server.h"

// The statement poller on a real server: what reaches the spool adds up to what the server counted.
namespace agent::postgres::statements {
namespace {

using pgvigil::v1::Capability;
using pgvigil::v1::StatementInterval;
using pgvigil::v1::StatementText;
using shared::postgres::Connection;

// The part of an entry that the tests compare; times within what 1e-9 of the sum can hide.
struct Sums {
  uint64_t calls = 0;
  uint64_t rows = 0;
  uint64_t shared_blks_hit = 0;
  uint64_t wal_bytes = 0;
  double total_exec_time = 0;
};
using Ledger = std::map<Key, Sums>;

void ExpectEqual(const Ledger& got, const Ledger& expected) {
  ASSERT_FALSE(expected.empty());
  for (const auto& [key, sums] : expected) {
    SCOPED_TRACE("queryid " + std::to_string(key.queryid));
    const auto found = got.find(key);
    ASSERT_NE(found, got.end());
    EXPECT_EQ(found->second.calls, sums.calls);
    EXPECT_EQ(found->second.rows, sums.rows);
    EXPECT_EQ(found->second.shared_blks_hit, sums.shared_blks_hit);
    EXPECT_EQ(found->second.wal_bytes, sums.wal_bytes);
    EXPECT_NEAR(found->second.total_exec_time, sums.total_exec_time, 1e-6);
  }
}

class PostgresStatements : public ::testing::Test {
 protected:
  void SetUp() override {
    state_ = ::testing::TempDir() + "/pgvigil-statements-XXXXXX";
    ASSERT_NE(::mkdtemp(state_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(state_); }

  void StartServer(std::vector<std::pair<std::string, std::string>> settings = {}) {
    settings.emplace_back("shared_preload_libraries", "pg_stat_statements");
    server_ = std::make_unique<tests::PostgresServer>(
        tests::PostgresServerOptions{.settings = std::move(settings)});
    // In a schema of its own, with a name that wants quotes.
    server_->Execute("CREATE SCHEMA \"Odd schema\"");
    server_->Execute("GRANT USAGE ON SCHEMA \"Odd schema\" TO PUBLIC");
    server_->Execute("CREATE EXTENSION pg_stat_statements SCHEMA \"Odd schema\"");
    server_->Execute("CREATE ROLE monitor LOGIN IN ROLE pg_monitor");
    server_->Execute("CREATE ROLE app LOGIN SUPERUSER");
    server_->Execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int, note text)");
    server_->Execute("INSERT INTO accounts SELECT i, 0, '' FROM generate_series(1, 100) i");
    StartAgent();
    Connect("monitor");
  }

  void Connect(std::string_view user) {
    connection_.reset();
    shared::postgres::ConnectOptions options = server_->Options("postgres", user);
    options.settings = {{"search_path", "pg_catalog"}, {"default_transaction_read_only", "on"}};
    auto opened = Connection::Open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    connection_.emplace(std::move(*opened));
    auto rows = server_->Connect().Query(
        "SELECT system_identifier, extract(epoch FROM pg_postmaster_start_time())::bigint"
        " FROM pg_control_system()");
    ASSERT_TRUE(rows);
    identity_.name = "main";
    identity_.system_identifier = rows->Unsigned(0, 0).value();
    identity_.port = server_->port();
    identity_.server_version = connection_->server_version();
  }

  // A new process: nothing in memory, the spool and the baselines as they are.
  void StartAgent(const TextLane::Config& text = {}) {
    poller_.reset();
    queue_ = std::make_unique<pipeline::TelemetryQueue>(size_t{8} << 20);
    auto opened = Baselines::Open(state_ + "/statements", {kIncarnation, sequence_});
    ASSERT_TRUE(opened) << opened.error().message;
    baselines_ = std::move(*opened);
    poller_ = std::make_unique<Poller>(PollerConfig{.target = "main", .text = text},
                                       PollerOutlets{*baselines_, *queue_, capabilities_, clock_});
  }

  void Poll() {
    const shared::Result<void> polled = poller_->Poll(*connection_, identity_);
    ASSERT_TRUE(polled) << polled.error().message;
  }

  // Moves everything from the queue to the "spool".
  void Batch() {
    while (std::optional<pipeline::Telemetry> item = queue_->TryPop()) {
      if (auto* texts = std::get_if<pipeline::TextRound>(&*item)) {
        for (const StatementText& text : texts->texts.texts()) texts_.push_back(text);
        continue;
      }
      auto& round = std::get<pipeline::StatementRound>(*item);
      ASSERT_TRUE(round.before_append(kIncarnation, sequence_ + 1));
      sequence_ += 1;
      intervals_.push_back(round.interval);
    }
  }
  // Dies between writing the baseline and appending.
  void BatchAndDieBeforeAppend() {
    while (std::optional<pipeline::Telemetry> item = queue_->TryPop()) {
      auto* round = std::get_if<pipeline::StatementRound>(&*item);
      if (round == nullptr) continue;
      ASSERT_TRUE(round->before_append(kIncarnation, sequence_ + 1));
      break;
    }
    StartAgent();
  }

  // What `times` clients of pgbench might do, as role app.
  void Work(int times) const {
    Connection app = server_->Connect("postgres", "app");
    for (int i = 0; i < times; ++i) {
      const std::string id = std::to_string(i % 100 + 1);
      for (const std::string& sql :
           {"UPDATE accounts SET balance = balance + " + id + " WHERE id = " + id,
            "SELECT balance FROM accounts WHERE id = " + id,
            "SELECT count(*) FROM accounts WHERE note = 'x" + id + "'"}) {
        const auto rows = app.Query(sql);
        ASSERT_TRUE(rows) << rows.error().message;
      }
    }
  }

  // The server's own sums of role app.
  [[nodiscard]] Ledger ServerSums() const {
    Connection connection = server_->Connect();
    const auto rows = connection.Query(
        "SELECT s.dbid, s.userid, s.queryid, s.toplevel, s.calls, s.rows, s.shared_blks_hit,"
        " s.wal_bytes, s.total_exec_time FROM \"Odd schema\".pg_stat_statements(false) s"
        " WHERE s.userid = 'app'::regrole");
    EXPECT_TRUE(rows);
    Ledger out;
    for (size_t row = 0; row < rows->size(); ++row) {
      const Key key{static_cast<uint32_t>(rows->Unsigned(row, 0).value()),
                    static_cast<uint32_t>(rows->Unsigned(row, 1).value()),
                    rows->Int(row, 2).value(), rows->Bool(row, 3).value()};
      out[key] = {rows->Unsigned(row, 4).value(), rows->Unsigned(row, 5).value(),
                  rows->Unsigned(row, 6).value(), rows->Unsigned(row, 7).value(),
                  rows->Double(row, 8).value()};
    }
    return out;
  }

  // The sums of all deltas in the spool.
  [[nodiscard]] Ledger SpooledSums() const {
    Ledger out;
    for (const StatementInterval& interval : intervals_) {
      for (const pgvigil::v1::StatementDelta& delta : interval.deltas()) {
        Sums& sums = out[{delta.dbid(), delta.userid(), delta.queryid(), delta.toplevel()}];
        sums.calls += delta.calls();
        sums.rows += delta.rows();
        sums.shared_blks_hit += delta.shared_blks_hit();
        sums.wal_bytes += delta.wal_bytes();
        sums.total_exec_time += delta.total_exec_time_ms();
      }
    }
    return out;
  }

  [[nodiscard]] Capability Status() const {
    for (const Capability& capability : capabilities_.Snapshot()) {
      if (capability.name() == "pg_stat_statements:main") return capability;
    }
    return {};
  }

  static constexpr uint64_t kIncarnation = 3;

  std::unique_ptr<tests::PostgresServer> server_;
  std::optional<Connection> connection_;
  InstanceIdentity identity_;
  std::string state_;
  tests::FakeClock clock_;
  pipeline::Capabilities capabilities_;
  std::unique_ptr<pipeline::TelemetryQueue> queue_;
  std::unique_ptr<Baselines> baselines_;
  std::unique_ptr<Poller> poller_;
  uint64_t sequence_ = 0;
  std::vector<StatementInterval> intervals_;
  std::vector<StatementText> texts_;
};

TEST_F(PostgresStatements, SendsNothingAtFirstAndThenExactlyWhatWasCounted) {
  StartServer();
  Poll();
  Batch();
  EXPECT_TRUE(intervals_.empty());
  for (int round = 1; round <= 4; ++round) {
    Work(20 * round);
    Poll();
    Batch();
  }
  ASSERT_EQ(intervals_.size(), 4u);
  ExpectEqual(SpooledSums(), ServerSums());
  const StatementInterval& interval = intervals_.back();
  EXPECT_EQ(interval.instance().system_identifier(), identity_.system_identifier);
  EXPECT_EQ(interval.instance().server_version_num(),
            150'000u + interval.instance().server_version_num() % 10'000);
  EXPECT_FALSE(interval.partial());
  EXPECT_EQ(interval.entries_max(), 5'000u);
  EXPECT_GT(interval.entries(), 5u);
  EXPECT_EQ(interval.start_unix_nano(), intervals_[2].end_unix_nano());
  std::set<std::string> names;
  for (const auto& name : interval.databases()) names.insert(name.name());
  for (const auto& name : interval.roles()) names.insert(name.name());
  EXPECT_TRUE(names.count("postgres") == 1 && names.count("app") == 1 &&
              names.count("monitor") == 1);
  EXPECT_EQ(Status().state(), Capability::STATE_OK) << Status().detail();
}

TEST_F(PostgresStatements, AddsUpThroughRestartsOfTheAgent) {
  StartServer();
  Poll();
  Work(10);
  StartAgent();  // before anything was sent
  Poll();
  Work(10);
  Poll();
  Batch();
  Work(10);
  Poll();
  StartAgent();  // a round was in the queue
  Work(10);
  Poll();
  BatchAndDieBeforeAppend();
  Work(10);
  Poll();
  Batch();
  StartAgent();
  Poll();
  Batch();
  ExpectEqual(SpooledSums(), ServerSums());
}

TEST_F(PostgresStatements, AddsUpThroughACleanRestartOfTheServer) {
  StartServer();
  Poll();
  Work(30);
  Poll();
  Batch();
  Work(30);
  server_->Stop();
  const shared::Result<void> refused = poller_->Poll(*connection_, identity_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, shared::ErrorCode::kUnavailable) << refused.error().message;
  server_->Start();
  Connect("monitor");
  Work(30);
  Poll();
  Batch();
  ASSERT_EQ(intervals_.size(), 2u);
  EXPECT_FALSE(intervals_[1].partial());
  ExpectEqual(SpooledSums(), ServerSums());
}

TEST_F(PostgresStatements, CountsAnewAfterACrashOfTheServer) {
  StartServer();
  Poll();
  Work(30);
  Poll();
  Batch();
  intervals_.clear();
  Work(5);  // lost with the server
  server_->Kill9();
  server_->Start();
  Connect("monitor");
  Work(40);
  Poll();
  Batch();
  ASSERT_EQ(intervals_.size(), 1u);
  EXPECT_TRUE(intervals_[0].partial());
  ExpectEqual(SpooledSums(), ServerSums());
}

TEST_F(PostgresStatements, CountsAnewAfterAReset) {
  StartServer();
  Work(30);
  Poll();
  Work(10);
  server_->Execute("SELECT \"Odd schema\".pg_stat_statements_reset()");
  Work(40);
  Poll();
  Batch();
  ASSERT_EQ(intervals_.size(), 1u);
  EXPECT_TRUE(intervals_[0].partial());
  ExpectEqual(SpooledSums(), ServerSums());
}

TEST_F(PostgresStatements, CountsAnewAfterAResetOfOneStatement) {
  StartServer();
  Work(30);
  Poll();
  const Ledger before = ServerSums();
  const Key key = before.begin()->first;
  server_->Execute("SELECT \"Odd schema\".pg_stat_statements_reset(" + std::to_string(key.userid) +
                   ", " + std::to_string(key.dbid) + ", " + std::to_string(key.queryid) + ")");
  Work(5);
  Poll();
  Batch();
  ASSERT_EQ(intervals_.size(), 1u);
  EXPECT_TRUE(intervals_[0].partial());
  Ledger expected = ServerSums();
  for (const auto& [other, sums] : before) {
    if (other == key) continue;
    expected[other].calls -= sums.calls;
    expected[other].rows -= sums.rows;
    expected[other].shared_blks_hit -= sums.shared_blks_hit;
    expected[other].wal_bytes -= sums.wal_bytes;
    expected[other].total_exec_time -= sums.total_exec_time;
  }
  ExpectEqual(SpooledSums(), expected);
}

TEST_F(PostgresStatements, NeverExceedsTheTruthThroughEvictions) {
  StartServer({{"pg_stat_statements.max", "100"}});
  Poll();
  std::map<std::string, int> executed;
  Connection app = server_->Connect("postgres", "app");
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 70; ++i) {
      // As many statements as there are numbers of columns.
      std::string sql = "SELECT 1";
      for (int n = (round * 37 + i) % 150; n > 0; --n) sql += ", 1";
      for (int n = 0; n <= i % 3; ++n) {
        ASSERT_TRUE(app.Query(sql));
        executed[Normalise(sql).text] += 1;
      }
    }
    clock_.Advance(std::chrono::hours(1));  // the text lane may run each time
    Poll();
    Batch();
  }
  bool partial = false;
  uint64_t evicted = 0;
  for (const StatementInterval& interval : intervals_) {
    partial = partial || interval.partial();
    evicted += interval.evicted();
    EXPECT_TRUE(interval.evicted() == 0 || interval.partial());
  }
  EXPECT_TRUE(partial);
  EXPECT_GT(evicted, 0u);
  std::map<int64_t, std::string> texts;
  for (const StatementText& text : texts_) texts[text.queryid()] = text.text();
  int compared = 0;
  for (const auto& [key, sums] : SpooledSums()) {
    const auto truth = executed.find(texts[key.queryid]);
    if (truth == executed.end()) continue;
    EXPECT_LE(sums.calls, static_cast<uint64_t>(truth->second)) << truth->first;
    compared += 1;
  }
  EXPECT_GT(compared, 20);
  EXPECT_EQ(Status().state(), Capability::STATE_DEGRADED);
  EXPECT_EQ(Status().remedy(),
            "ALTER SYSTEM SET pg_stat_statements.max = 200; then restart PostgreSQL");
}

TEST_F(PostgresStatements, SendsEachTextOnceAndNoLiterals) {
  StartServer();
  Work(3);
  server_->Execute("ALTER ROLE app PASSWORD 'hunter2'");
  server_->Execute("SET application_name = 'hunter2'");
  Poll();
  Batch();
  const size_t first = texts_.size();
  std::set<std::pair<uint32_t, int64_t>> keys;
  std::map<std::string, StatementText> by_text;
  for (const StatementText& text : texts_) {
    EXPECT_TRUE(keys.insert({text.dbid(), text.queryid()}).second);
    EXPECT_EQ(text.text().find("hunter2"), std::string::npos) << text.text();
    EXPECT_EQ(text.fingerprint().size(), 8u);
    by_text[text.text()] = text;
  }
  ASSERT_EQ(by_text.count("ALTER ROLE app PASSWORD $1"), 1u);
  ASSERT_EQ(by_text.count("SELECT balance FROM accounts WHERE id = $1"), 1u);
  EXPECT_TRUE(by_text["SELECT balance FROM accounts WHERE id = $1"].parsed());
  Work(3);
  server_->Execute("SELECT 1 AS one_more");
  Poll();
  Batch();
  EXPECT_EQ(texts_.size(), first);  // not yet again
  clock_.Advance(std::chrono::minutes(11));
  Poll();
  Batch();
  EXPECT_GT(texts_.size(), first);
  for (size_t i = first; i < texts_.size(); ++i) {
    EXPECT_TRUE(keys.insert({texts_[i].dbid(), texts_[i].queryid()}).second) << texts_[i].text();
  }
}

TEST_F(PostgresStatements, CutsLongTextsAndKeepsToTheBudget) {
  StartServer();
  StartAgent({.text_characters = 100, .run_bytes = 1'000});
  std::string sql = "SELECT 1";
  while (sql.size() < 300) sql += ", balance";
  ASSERT_TRUE(server_->Connect("postgres", "app").Query(sql + " FROM accounts"));
  for (int run = 0; run < 20; ++run) {
    const size_t before = texts_.size();
    Poll();
    Batch();
    size_t bytes = 0;
    for (size_t i = before; i < texts_.size(); ++i) bytes += texts_[i].text().size();
    EXPECT_LE(bytes, 1'000u);
    clock_.Advance(std::chrono::hours(3));
  }
  EXPECT_THAT(texts_, ::testing::Contains(::testing::Truly([](const StatementText& text) {
                return text.truncated() && text.text().size() <= 100 && !text.parsed() &&
                       text.text().find("SELECT $1, balance") == 0;
              })));
}

TEST_F(PostgresStatements, LosesNothingWhenTheQueueIsFull) {
  StartServer();
  Poll();
  Batch();
  pipeline::Telemetry plug(pipeline::TextRound{});
  ASSERT_TRUE(queue_->TryPush(plug, size_t{8} << 20));
  Work(10);
  Poll();
  Work(10);
  Poll();
  ASSERT_TRUE(queue_->TryPop());
  EXPECT_FALSE(queue_->TryPop());
  Poll();
  Batch();
  ASSERT_EQ(intervals_.size(), 1u);
  ExpectEqual(SpooledSums(), ServerSums());
}

TEST_F(PostgresStatements, SaysWhatARoleWithoutPgMonitorMisses) {
  StartServer();
  server_->Execute("CREATE ROLE nobody LOGIN");
  Connect("nobody");
  Work(3);
  Poll();
  EXPECT_EQ(Status().state(), Capability::STATE_DEGRADED);
  EXPECT_EQ(Status().detail(), "role \"nobody\" sees only its own statements");
  EXPECT_EQ(Status().remedy(), "GRANT pg_monitor TO \"nobody\"");
  // The grant makes old rows visible: they are not new.
  server_->Execute("GRANT pg_monitor TO nobody");
  Connect("nobody");
  Poll();
  Batch();
  ASSERT_EQ(intervals_.size(), 1u);
  for (const pgvigil::v1::StatementDelta& delta : intervals_[0].deltas()) {
    for (const auto& [key, sums] : ServerSums()) EXPECT_NE(delta.queryid(), key.queryid);
  }
  Work(4);
  Poll();
  Batch();
  const Ledger spooled = SpooledSums();
  for (const auto& [key, sums] : ServerSums()) EXPECT_EQ(spooled.at(key).calls, sums.calls / 7 * 4);
  EXPECT_EQ(Status().state(), Capability::STATE_OK);
}

TEST_F(PostgresStatements, ReadsAnExtensionOlderThanTheServer) {
  for (const char* version : {"1.8", "1.9"}) {
    StartServer();
    server_->Execute("DROP EXTENSION pg_stat_statements");
    server_->Execute(std::string("CREATE EXTENSION pg_stat_statements SCHEMA \"Odd schema\""
                                 " VERSION '") +
                     version + "'");
    Poll();
    Batch();
    intervals_.clear();
    Work(20);
    Poll();
    Batch();
    ASSERT_EQ(intervals_.size(), 1u);
    uint64_t calls = 0;
    for (const auto& delta : intervals_[0].deltas()) {
      if (delta.calls() == 20) calls += delta.calls();
    }
    EXPECT_EQ(calls, 60u) << version;
    EXPECT_EQ(Status().remedy(),
              "in database \"postgres\": ALTER EXTENSION pg_stat_statements UPDATE");
  }
}

TEST_F(PostgresStatements, TellsWhenTheSchemaIsClosed) {
  StartServer();
  server_->Execute("REVOKE USAGE ON SCHEMA \"Odd schema\" FROM PUBLIC");
  Poll();
  EXPECT_EQ(Status().state(), Capability::STATE_FAILED);
  EXPECT_EQ(Status().remedy(),
            "in database \"postgres\": GRANT USAGE ON SCHEMA \"Odd schema\" TO \"monitor\"");
}

TEST_F(PostgresStatements, TellsWhenTheExtensionIsNotThere) {
  StartServer();
  server_->Execute("DROP EXTENSION pg_stat_statements");
  Poll();
  EXPECT_EQ(Status().state(), Capability::STATE_FAILED);
  EXPECT_EQ(Status().remedy(), "in database \"postgres\": CREATE EXTENSION pg_stat_statements");
  server_->Execute("CREATE EXTENSION pg_stat_statements");
  Poll();
  Work(5);
  Poll();
  Batch();
  EXPECT_EQ(Status().state(), Capability::STATE_OK);
  EXPECT_EQ(intervals_.size(), 1u);
  // Dropped and made again elsewhere, under our hands: one error, then it is found again.
  server_->Execute("ALTER EXTENSION pg_stat_statements SET SCHEMA \"Odd schema\"");
  EXPECT_FALSE(poller_->Poll(*connection_, identity_));
  Poll();
  Batch();
  EXPECT_EQ(intervals_.size(), 2u);
}

TEST(PostgresStatementsSetup, TellsWhenTheLibraryIsNotLoaded) {
  const tests::PostgresServer server;
  Connection connection = server.Connect();
  const auto extension = ReadExtension(connection);
  ASSERT_TRUE(extension) << extension.error().message;
  const Advice advice = Advise(*extension);
  EXPECT_FALSE(advice.usable);
  EXPECT_EQ(advice.remedy,
            "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'; then restart "
            "PostgreSQL");
}

}  // namespace
}  // namespace agent::postgres::statements
