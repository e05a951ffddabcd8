#include <gtest/gtest.h>

#include "agent/postgres/session.h"
#include "tests/unit/agent/postgres/captured_table.h"

namespace agent::postgres {
namespace {

constexpr std::string_view kFacts =
    "system_identifier|port|server_version|version|cluster_name|is_superuser|search_path|"
    "start_time|in_recovery|pg_monitor|role|database\n"
    "-1|5433|160004|16.4|blue|off|pg_catalog|1767225600.5|t|t|pgvigil|postgres\n";
constexpr std::string_view kSettings =
    "name|setting\n"
    "data_directory|/var/lib/postgresql/16/main\n"
    "log_destination|jsonlog,stderr\n"
    "log_directory|log\n"
    "log_filename|postgresql-%a.log\n"
    "log_line_prefix|%m [%p] \n"
    "log_timezone|Europe/Berlin\n"
    "lc_messages|de_DE.UTF-8\n"
    "logging_collector|on\n";

TEST(ParseFacts, ReadsWhoAnswersAndWhereItLogs) {
  const CapturedTable current("path\nlog/postgresql-Sat.json\n");
  const shared::Result<SessionFacts> facts =
      ParseFacts("main", CapturedTable(kFacts), CapturedTable(kSettings), &current);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->identity.name, "main");
  EXPECT_EQ(facts->identity.system_identifier, 18446744073709551615U);
  EXPECT_EQ(facts->identity.port, 5433);
  EXPECT_EQ(facts->identity.server_version, 160004);
  EXPECT_EQ(facts->identity.version, "16.4");
  EXPECT_EQ(facts->identity.cluster_name, "blue");
  EXPECT_EQ(facts->identity.data_directory, "/var/lib/postgresql/16/main");
  EXPECT_EQ(shared::ToUnixNanos(facts->identity.start_time), 1'767'225'600'500'000'000);
  EXPECT_TRUE(facts->identity.in_recovery);
  EXPECT_EQ(facts->role, "pgvigil");
  EXPECT_FALSE(facts->superuser);
  EXPECT_TRUE(facts->pg_monitor);
  LogSettings expected;
  expected.data_directory = "/var/lib/postgresql/16/main";
  expected.log_destination = "jsonlog,stderr";
  expected.logging_collector = true;
  expected.log_directory = "log";
  expected.log_filename = "postgresql-%a.log";
  expected.log_line_prefix = "%m [%p] ";
  expected.log_timezone = "Europe/Berlin";
  expected.lc_messages = "de_DE.UTF-8";
  expected.current_logfiles = "log/postgresql-Sat.json";
  EXPECT_EQ(facts->log, expected);
}

TEST(ParseFacts, LeavesEmptyWhatTheRoleMayNotSee) {
  const shared::Result<SessionFacts> facts = ParseFacts(
      "main", CapturedTable(kFacts), CapturedTable("name|setting\nlog_timezone|UTC\n"), nullptr);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->identity.data_directory, "");
  EXPECT_EQ(facts->log.log_directory, "");
  EXPECT_EQ(facts->log.log_timezone, "UTC");
  EXPECT_EQ(facts->log.current_logfiles, "");
}

TEST(ParseFacts, RefusesAnAnswerThatIsNone) {
  const auto expect_error = [](std::string_view rows, std::string_view message) {
    const shared::Result<SessionFacts> facts =
        ParseFacts("main", CapturedTable(rows), CapturedTable(kSettings), nullptr);
    ASSERT_FALSE(facts) << rows;
    EXPECT_EQ(facts.error().code, shared::ErrorCode::kMalformed);
    EXPECT_EQ(facts.error().message, message);
  };
  expect_error("port\n", "the server's facts are no single row");
  expect_error("port|system_identifier|server_version|start_time\nx|1|150000|1\n",
               "the server's facts lack system_identifier, port, server_version or start_time");
}

TEST(CommonLabels, AreSortedAndNameTheInstance) {
  InstanceIdentity identity;
  identity.name = "main";
  identity.port = 5432;
  EXPECT_EQ(CommonLabels(identity),
            (shared::model::Labels{{"postgresql.target", "main"}, {"server.port", "5432"}}));
  identity.system_identifier = 7;
  EXPECT_EQ(CommonLabels(identity), (shared::model::Labels{{"postgresql.system_identifier", "7"},
                                                           {"postgresql.target", "main"},
                                                           {"server.port", "5432"}}));
}

TEST(GuardedOptions, SetTheGuardInTheStartupPacket) {
  SessionOptions session;
  session.host = "/run/postgresql";
  session.statement_timeout = std::chrono::milliseconds(1500);
  const shared::postgres::ConnectOptions options = GuardedOptions(session);
  const auto setting = [&](std::string_view name) -> std::string {
    for (const auto& [key, value] : options.settings) {
      if (key == name) return value;
    }
    return "(absent)";
  };
  EXPECT_EQ(setting("search_path"), "pg_catalog");
  EXPECT_EQ(setting("default_transaction_read_only"), "on");
  EXPECT_EQ(setting("statement_timeout"), "1500ms");
  EXPECT_EQ(setting("lock_timeout"), "100ms");
  EXPECT_EQ(setting("jit"), "off");
  EXPECT_EQ(options.application_name, "pgvigil-agent");
}

}  // namespace
}  // namespace agent::postgres
