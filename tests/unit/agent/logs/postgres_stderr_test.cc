#include "agent/logs/postgres_stderr.h"

#include <gtest/gtest.h>

#include "agent/logs/postgres_json.h"
#include "tests/unit/agent/logs/parse_lines.h"

namespace {

using agent::logs::PostgresStderrParser;
using agent::logs::Redactor;
using agent::logs::TimeZone;
using tests::AttributeOf;
using tests::Fixture;
using tests::ParseLines;

const Redactor kOpen(true);

pgvigil::v1::LogChunk Parse(std::string_view prefix, std::string_view text,
                            size_t limit = 1 << 20) {
  PostgresStderrParser parser(prefix, *TimeZone::Load("Europe/Berlin"), kOpen, limit);
  return ParseLines(parser, text);
}

// The same session, written by the server in both formats.
TEST(PostgresStderr, GivesWhatJsonlogGivesOfTheSameSession) {
  agent::logs::PostgresJsonParser json(*TimeZone::Load("Europe/Berlin"), kOpen);
  const auto expected = ParseLines(json, Fixture("postgresql-15/session.json"));
  const auto got = Parse("%m [%p] %q%u@%d/%a ", Fixture("postgresql-15/stderr-default.log"));
  ASSERT_EQ(got.records_size(), expected.records_size());
  ASSERT_EQ(got.records_size(), 39);
  EXPECT_EQ(got.unparsed_records(), 0u);
  for (int i = 0; i < got.records_size(); ++i) {
    const auto& a = got.records(i);
    const auto& b = expected.records(i);
    std::string body = b.body();
    if (const std::string at = AttributeOf(b, "postgresql.cursor_position"); !at.empty()) {
      body += " at character " + at;  // jsonlog has it as a field
    }
    EXPECT_EQ(a.body(), body);
    EXPECT_EQ(a.detail(), b.detail());
    EXPECT_EQ(a.hint(), b.hint());
    EXPECT_EQ(a.context(), b.context());
    EXPECT_EQ(a.statement(), b.statement());
    EXPECT_EQ(a.time_unix_nano(), b.time_unix_nano());
    EXPECT_EQ(a.severity_text(), b.severity_text());
    EXPECT_EQ(a.severity_number(), b.severity_number());
    EXPECT_EQ(a.pid(), b.pid());
    EXPECT_EQ(a.user(), b.user());
    EXPECT_EQ(a.database(), b.database());
    EXPECT_EQ(a.application_name(), b.application_name());
  }
}

TEST(PostgresStderr, ReadsTheSameRecordsUnderEveryPrefix) {
  struct Case {
    std::string_view prefix;
    std::string_view file;
  };
  const Case cases[] = {
      {"%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", "stderr-debian.log"},
      {"%n %p %e %Q ", "stderr-epoch.log"},
      {"%m %p %-10u|%10d|%b|%c|%l|%s|%v|%x|%e|%r|%i%%: ", "stderr-everything.log"},
      {"", "stderr-empty.log"}};
  for (const Case& each : cases) {
    const auto got = Parse(each.prefix, Fixture("postgresql-15/" + std::string(each.file)));
    EXPECT_EQ(got.unparsed_records(), 0u) << each.file;
    int errors = 0;
    for (const auto& record : got.records()) {
      EXPECT_TRUE(record.attributes_size() == 0 ||
                  record.attributes(0).name() != "pgvigil.continuation")
          << record.body();
      if (record.body() != "division by zero") continue;
      errors += 1;
      EXPECT_EQ(record.severity_number(), 17u);
      EXPECT_EQ(record.statement(), "select 1/0;");
      EXPECT_EQ(record.pid() > 10000u, !each.prefix.empty());
    }
    EXPECT_EQ(errors, 1) << each.file;
  }
}

TEST(PostgresStderr, FillsEveryFieldThatAPrefixHas) {
  const auto got =
      Parse("%m %p %-10u|%10d|%b|%c|%l|%s|%v|%x|%e|%r|%i%%: ",
            "2026-11-21 09:53:58.530 CET 10976 postgres  |  postgres|client backend|"
            "6b015c26.2ae0|3|2026-11-21 09:53:58 CET|3/57|9|42P07|10.0.0.7(51234)|CREATE "
            "TABLE%: ERROR:  relation \"t\" already exists\n");
  ASSERT_EQ(got.records_size(), 1);
  const auto& record = got.records(0);
  EXPECT_EQ(record.time_unix_nano(), 1'795'251'238'530'000'000u);
  EXPECT_EQ(record.pid(), 10976u);
  EXPECT_EQ(record.user(), "postgres");
  EXPECT_EQ(record.database(), "postgres");
  EXPECT_EQ(record.backend_type(), "client backend");
  EXPECT_EQ(record.session_id(), "6b015c26.2ae0");
  EXPECT_EQ(record.line_num(), 3u);
  EXPECT_EQ(record.sqlstate(), "42P07");
  EXPECT_EQ(record.client(), "10.0.0.7:51234");
  EXPECT_EQ(AttributeOf(record, "postgresql.vxid"), "3/57");
  EXPECT_EQ(AttributeOf(record, "postgresql.txid"), "9");
  EXPECT_EQ(AttributeOf(record, "postgresql.ps"), "CREATE TABLE");
  EXPECT_EQ(AttributeOf(record, "postgresql.session_start"), "2026-11-21 09:53:58 CET");
  EXPECT_EQ(record.body(), "relation \"t\" already exists");
}

TEST(PostgresStderr, IsNotFooledByAnApplicationNamedLikeThePrefix) {
  const auto got = Parse("%m [%p] %q%u@%d/%a ",
                         "2026-11-21 09:53:58.530 CET [7] u@d/my app LOG: x LOG:  body\n");
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.records(0).application_name(), "my app LOG: x");
  EXPECT_EQ(got.records(0).body(), "body");
}

TEST(PostgresStderr, KeepsTheWordOfATranslatedSeverity) {
  const auto got =
      Parse("%m [%p] ", "2026-11-21 09:53:58.530 CET [7] FEHLER:  Division durch Null\n");
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.records(0).severity_text(), "FEHLER");
  EXPECT_EQ(got.records(0).severity_number(), 0u);
}

TEST(PostgresStderr, MakesForeignOutputRecordsOfTheirOwn) {
  const auto got = Parse("%m [%p] ",
                         "2026-11-21 09:53:58.530 CET [7] LOG:  one\n"
                         "sh: 1: nosuchcommand: not found\n"
                         "2026-11-21 09:53:58.530 CET [7] DETAIL:  of what?\n"
                         "\tlost\n"
                         "2026-11-21 09:53:58.530 CET [8] DETAIL:  another's\n");
  ASSERT_EQ(got.records_size(), 4);
  EXPECT_EQ(got.unparsed_records(), 1u);
  EXPECT_EQ(got.records(1).body(), "sh: 1: nosuchcommand: not found");
  EXPECT_EQ(got.records(1).severity_text(), "");
  EXPECT_EQ(got.records(2).severity_text(), "DETAIL");
  EXPECT_EQ(got.records(2).detail(), "of what?\nlost");
  EXPECT_EQ(AttributeOf(got.records(2), "pgvigil.continuation"), "true");
  EXPECT_EQ(got.records(3).pid(), 8u);
}

TEST(PostgresStderr, CutsARecordAtTheLimitAndAccountsForItsBytes) {
  std::string text = "2026-11-21 09:53:58.530 CET [7] LOG:  one\n";
  for (int i = 0; i < 100; ++i) text += "\tmore and more\n";
  const auto got = Parse("%m [%p] ", text, 64);
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.records(0).length(), text.size());
  EXPECT_TRUE(got.records(0).truncated());
  EXPECT_EQ(got.records(0).body().size(), 64u);
}

TEST(PostgresStderr, ReplacesWhatIsNoText) {
  const auto got =
      Parse("%m [%p] ", std::string("2026-11-21 09:53:58.530 CET [7] LOG:  a\0b\xff", 42) + "\n");
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.records(0).body(),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_TRUE(got.records(0).sanitised());
}

}  // namespace
