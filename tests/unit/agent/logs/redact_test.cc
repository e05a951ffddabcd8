#include "agent/logs/redact.h"

#include <gtest/gtest.h>

#include "agent/logs/postgres_json.h"
#include "agent/logs/postgres_stderr.h"
#include "tests/unit/agent/logs/parse_lines.h"

namespace {

using namespace agent::logs;  // NOLINT(google-build-using-namespace): four pure functions

TEST(RedactBody, RewritesEveryShapeOfStatementLine) {
  const auto expect = [](std::string_view body, std::string_view redacted) {
    EXPECT_EQ(RedactBody(body), redacted);
  };
  expect("statement: select 'x', 5", "statement: select $1, $2");
  expect("duration: 4.632 ms", "duration: 4.632 ms");
  expect("duration: 4.632 ms  statement: select 'x'", "duration: 4.632 ms  statement: select $1");
  expect("duration: 0.1 ms  parse <unnamed>: select 'x'",
         "duration: 0.1 ms  parse <unnamed>: select $1");
  expect("duration: 0.1 ms  bind S_1/C_2: select 'x'", "duration: 0.1 ms  bind S_1/C_2: select $1");
  expect("duration: 0.1 ms  execute fetch from S_1: select 'x'",
         "duration: 0.1 ms  execute fetch from S_1: select $1");
  expect("execute <unnamed>: select 'x'", "execute <unnamed>: select $1");
  expect(
      "duration: 9 ms  plan:\nQuery Text: select * from t where b = 'x' and a = 5;\n"
      "Index Scan using t_pkey on t  (cost=0.15..8.17 rows=1 width=36)\n"
      "  Index Cond: (a = 5)\n  Filter: (b = 'x'::text)\n  Rows Removed by Filter: 3",
      "duration: 9 ms  plan:\nQuery Text: select * from t where b = $1 and a = $2\n"
      "Index Scan using t_pkey on t  (cost=0.15..8.17 rows=1 width=36)\n"
      "  Index Cond: (a = $1)\n  Filter: (b = $1::text)\n  Rows Removed by Filter: 3");
  expect("AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,\"select 'x'\",<none>",
         "AUDIT: SESSION,1,1,READ,SELECT,***");
}

TEST(RedactBody, TellsNamesFromValues) {
  const auto expect = [](std::string_view body, std::string_view redacted) {
    EXPECT_EQ(RedactBody(body), redacted);
  };
  expect("relation \"nowhere\" does not exist", "relation \"nowhere\" does not exist");
  expect("duplicate key value violates unique constraint \"t_pkey\"",
         "duplicate key value violates unique constraint \"t_pkey\"");
  expect("null value in column \"a\" of relation \"t\" violates not-null constraint",
         "null value in column \"a\" of relation \"t\" violates not-null constraint");
  expect("invalid input syntax for type integer: \"x\" at character 8",
         "invalid input syntax for type integer: \"***\" at character 8");
  expect("invalid input syntax for type json: \"a\" b \"c\"",
         "invalid input syntax for type json: \"***\"");
  expect("value \"99999999999\" is out of range for type integer",
         "value \"***\" is out of range for type integer");
  expect("invalid input value for enum mood: \"x\"", "invalid input value for enum mood: \"***\"");
  expect("syntax error at or near \"hunter2\"", "syntax error at or near \"***\"");
  expect("unterminated quoted string at or near \"'x",
         "unterminated quoted string at or near \"***");
  expect("can't do it", "can't do it");
  expect("parameter \"work_mem\" changed to \"8MB\"", "parameter \"work_mem\" changed to \"8MB\"");
  expect("parameter \"primary_conninfo\" changed to \"password=x\"",
         "parameter \"primary_conninfo\" changed to \"***\"");
}

TEST(RedactDetail, MasksValuesOfRowsKeysAndParameters) {
  const auto expect = [](std::string_view detail, std::string_view redacted) {
    EXPECT_EQ(RedactDetail(detail), redacted);
  };
  expect("Key (a)=(1) already exists.", "Key (a)=(***) already exists.");
  expect("Key (a, b)=(1, x)) is not present in table \"t\".",
         "Key (a, b)=(***) is not present in table \"t\".");
  expect("Partition key of the failing row contains (a) = (5).",
         "Partition key of the failing row contains (***).");
  expect("Failing row contains (500, overflow).", "Failing row contains (***).");
  expect("parameters: $1 = 'x'", "parameters: ***");
  expect("prepare: prepare p as select 'x'", "prepare: prepare p as select $1");
  expect(
      "Process 5 waits for ShareLock on transaction 7; blocked by process 6.\n"
      "Process 5: update t set b = 'x'\n where a = 1\nProcess 6: update t set b = 'y'",
      "Process 5 waits for ShareLock on transaction 7; blocked by process 6.\n"
      "Process 5: update t set b = $1 where a = $2\nProcess 6: update t set b = $1");
  expect("Token \"x\" is invalid.", "Token \"***\" is invalid.");
}

TEST(RedactContext, RedactsEachFrame) {
  EXPECT_EQ(RedactContext("SQL statement \"insert into t values ('x')\"\n"
                          "PL/pgSQL function f(text) line 3 at SQL statement"),
            "SQL statement \"insert into t values ($1)\"\n"
            "PL/pgSQL function f(text) line 3 at SQL statement");
  EXPECT_EQ(RedactContext("COPY t, line 1, column a: \"x\""), "COPY t, line 1, column a: \"***\"");
  EXPECT_EQ(RedactContext("JSON data, line 1: {\"a\":x"), "JSON data, line 1: ***");
  EXPECT_EQ(RedactContext("unnamed portal with parameters: $1 = 'x'"),
            "unnamed portal with parameters: ***");
}

// Every literal that the captured session put into its statements, by both formats.
TEST(Redactor, LetsNoPlantedLiteralOut) {
  const Redactor closed(false);
  const std::string_view planted[] = {"secret one", "nlines",       "quote",        "abc",
                                      "hidden",     "multi",        "watch",        "500",
                                      "overflow",   "param secret", "bench literal"};
  const auto check = [&](const pgvigil::v1::LogChunk& chunk, std::string_view what) {
    EXPECT_GT(chunk.records_size(), 30);
    for (const auto& record : chunk.records()) {
      std::string all = record.SerializeAsString();
      // An application's own message: RAISE 'careful with %', 'watch' logs it unquoted.
      if (record.body().find("careful with watch") != std::string::npos) continue;
      for (const std::string_view literal : planted) {
        EXPECT_EQ(all.find(literal), std::string::npos)
            << what << ": " << literal << " in " << record.body() << record.statement();
      }
    }
  };
  const TimeZone zone = *TimeZone::Load("Europe/Berlin");
  PostgresJsonParser json(zone, closed);
  check(tests::ParseLines(json, tests::Fixture("postgresql-15/session.json")), "json");
  PostgresStderrParser right("%m [%p] %q%u@%d/%a ", zone, closed, 1 << 20);
  const std::string text = tests::Fixture("postgresql-15/stderr-default.log");
  check(tests::ParseLines(right, text), "stderr");
  // The settings say another prefix than the file has: nothing is understood, and nothing leaks.
  PostgresStderrParser wrong("%t [%p]: [%l-1] ", zone, closed, 1 << 20);
  check(tests::ParseLines(wrong, text), "stderr, wrong prefix");
}

TEST(Redactor, LeavesEverythingWhenTheConfigurationAllows) {
  pgvigil::v1::LogRecord record;
  record.set_severity_text("ERROR");
  record.set_body("bad: \"x\"");
  record.set_statement("select 'x'");
  Redactor(true).RedactPostgres(record);
  EXPECT_EQ(record.body() + record.statement(), "bad: \"x\"select 'x'");
}

}  // namespace
