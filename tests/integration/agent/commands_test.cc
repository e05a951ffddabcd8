// What `check` and `once` find in a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/doctor/checks.h"
#include "agent/once/collect.h"
#include "tests/support/postgres_server.h"

namespace agent {
namespace {

using pgvigil::v1::Capability;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class CommandsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ =
        new tests::PostgresServer({.settings = {{"shared_preload_libraries", "pg_stat_statements"},
                                                {"logging_collector", "on"},
                                                {"log_destination", "jsonlog"}}});
    server_->Execute("CREATE EXTENSION pg_stat_statements");
    server_->Execute("CREATE ROLE pgvigil LOGIN");
    server_->Execute("GRANT pg_monitor TO pgvigil");
    server_->Execute("CREATE ROLE nobody LOGIN");
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  static config::PostgresTarget Target(std::string user = "pgvigil") {
    config::PostgresTarget target;
    target.host = server_->socket_directory();
    target.port = server_->port();
    target.user = std::move(user);
    return target;
  }
  static std::string LogDirectory() { return server_->data_directory() + "/log/"; }

  static tests::PostgresServer* server_;  // of the suite: starting it takes a second
};
tests::PostgresServer* CommandsTest::server_ = nullptr;

TEST_F(CommandsTest, CheckIsContentWithAServerThatIsSetUp) {
  const std::vector<Capability> found = doctor::CheckPostgres(Target());
  ASSERT_EQ(found.size(), 3U);
  for (const Capability& one : found) {
    EXPECT_EQ(one.state(), Capability::STATE_OK) << one.name() << ": " << one.detail();
  }
  EXPECT_THAT(found[2].detail(), StartsWith(LogDirectory()));
  EXPECT_THAT(found[2].detail(), EndsWith(".json"));
}

TEST_F(CommandsTest, CheckNamesTheGrantThatIsMissing) {
  const std::vector<Capability> found = doctor::CheckPostgres(Target("nobody"));
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].state(), Capability::STATE_DEGRADED);
  EXPECT_EQ(found[0].remedy(), "GRANT pg_monitor TO \"nobody\";");
  EXPECT_EQ(found[2].name(), "logs:main");
  EXPECT_EQ(found[2].state(), Capability::STATE_FAILED);
  EXPECT_EQ(found[2].remedy(), "GRANT pg_monitor TO \"nobody\";");
}

TEST_F(CommandsTest, CheckLeavesAloneWhatIsSwitchedOff) {
  config::PostgresTarget target = Target();
  target.statements.enabled = false;
  target.logs.enabled = false;
  const std::vector<Capability> found = doctor::CheckPostgres(target);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].state(), Capability::STATE_OK) << found[0].detail();
  EXPECT_EQ(found[1].state(), Capability::STATE_OFF);
  EXPECT_EQ(found[2].state(), Capability::STATE_OFF);
}

TEST_F(CommandsTest, OnceHasAllViewsStatementsAndTheLog) {
  once::Report report;
  once::CollectPostgres(Target(), report);
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_THAT(report.remarks, IsEmpty());
  const std::string text = once::RenderText(report);
  EXPECT_THAT(text, HasSubstr("postgresql.up{postgresql.system_identifier=\""));
  for (const std::string_view name :
       {"postgresql.backends", "postgresql.db_size", "postgresql.wal.directory.size"}) {
    EXPECT_TRUE(std::any_of(report.metrics.begin(), report.metrics.end(),
                            [&](const once::Sample& sample) { return sample.name == name; }))
        << name << " is not in\n"
        << text;
  }
  ASSERT_EQ(report.statements.size(), 1U);
  EXPECT_EQ(report.statements[0].target, "main");
  EXPECT_GT(report.statements[0].entries, 0U);
  EXPECT_EQ(report.statements[0].hidden, 0U);
  ASSERT_EQ(report.logs.size(), 1U);
  EXPECT_THAT(report.logs[0].path, StartsWith(LogDirectory()));
  EXPECT_GT(report.logs[0].size_bytes, 0U);
}

TEST_F(CommandsTest, OnceTellsWhatTheRoleMayNotSee) {
  once::Report report;
  once::CollectPostgres(Target("nobody"), report);
  EXPECT_THAT(report.failures, ElementsAre("logs:main: the role may not read log_directory (GRANT "
                                           "pg_read_all_settings TO <the agent's role>)"));
}

}  // namespace
}  // namespace agent
