#include "agent/logs/postgres_json.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/logs/parse_lines.h"

namespace {

using agent::logs::CloseCutObject;
using agent::logs::PostgresJsonParser;
using agent::logs::Redactor;
using agent::logs::TimeZone;
using tests::AttributeOf;

pgvigil::v1::LogChunk Parse(std::string_view text, bool cut = false) {
  static const Redactor open(true);
  PostgresJsonParser parser(*TimeZone::Load("Europe/Berlin"), open);
  if (!cut) return tests::ParseLines(parser, text);
  pgvigil::v1::LogChunk out;
  parser.Add({0, text.size() + 100, text, true}, out);
  return out;
}

TEST(PostgresJson, ReadsEveryFieldOfTheManualsTable) {
  const auto got = Parse(
      R"({"timestamp":"2026-11-21 09:53:55.054 CET","user":"u","dbname":"d","pid":10948,)"
      R"("remote_host":"::1","remote_port":51234,"session_id":"6b.2","line_num":5,"ps":"INSERT",)"
      R"("session_start":"2026-11-21 09:53:53 CET","vxid":"3/25","txid":729,)"
      R"("error_severity":"ERROR","state_code":"23505","message":"m","detail":"de","hint":"h",)"
      R"("internal_query":"iq","internal_position":3,"context":"c","statement":"s",)"
      R"("cursor_position":8,"func_name":"f","file_name":"x.c","file_line_num":12,)"
      R"("application_name":"a","backend_type":"client backend","leader_pid":77,"query_id":-5,)"
      R"("from_a_newer_server":{"x":[1]}})"
      "\n");
  ASSERT_EQ(got.records_size(), 1);
  const auto& r = got.records(0);
  EXPECT_EQ(r.time_unix_nano(), 1'795'251'235'054'000'000u);
  EXPECT_EQ(r.user() + r.database() + r.body() + r.detail() + r.hint() + r.context() +
                r.statement() + r.application_name(),
            "udmdehcsa");
  EXPECT_EQ(r.client(), "[::1]:51234");
  EXPECT_EQ(r.pid(), 10948u);
  EXPECT_EQ(r.session_id(), "6b.2");
  EXPECT_EQ(r.line_num(), 5u);
  EXPECT_EQ(r.sqlstate(), "23505");
  EXPECT_EQ(r.severity_number(), 17u);
  EXPECT_EQ(r.backend_type(), "client backend");
  EXPECT_EQ(r.query_id(), -5);
  const std::pair<const char*, const char*> attributes[] = {
      {"postgresql.ps", "INSERT"},         {"postgresql.session_start", "2026-11-21 09:53:53 CET"},
      {"postgresql.vxid", "3/25"},         {"postgresql.txid", "729"},
      {"postgresql.internal_query", "iq"}, {"postgresql.internal_position", "3"},
      {"postgresql.cursor_position", "8"}, {"code.function.name", "f"},
      {"code.file.path", "x.c"},           {"code.line.number", "12"},
      {"postgresql.leader_pid", "77"}};
  for (const auto& [name, value] : attributes) EXPECT_EQ(AttributeOf(r, name), value) << name;
  EXPECT_EQ(r.attributes_size(), 11);
}

TEST(PostgresJson, KeepsAnythingElseAsAnUnparsedRecord) {
  for (const std::string_view line : {"not json", "{", "[]", "{}", R"({"message":"no severity"})",
                                      R"({"a":1} trailing)", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
    const auto got = Parse(std::string(line) + "\n");
    ASSERT_EQ(got.records_size(), 1) << line;
    EXPECT_EQ(got.unparsed_records(), 1u) << line;
    EXPECT_EQ(got.records(0).body(), line);
    EXPECT_EQ(got.records(0).length(), line.size() + 1);
  }
}

TEST(PostgresJson, ReadsWhatASqlAsciiDatabaseLogs) {
  const auto got = Parse("{\"error_severity\":\"LOG\",\"message\":\"caf\xe9\"}\n");
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.records(0).body(), "caf\xef\xbf\xbd");
  EXPECT_TRUE(got.records(0).sanitised());
}

TEST(PostgresJson, KeepsTheBeginningOfALineThatIsTooLong) {
  const auto got = Parse(R"({"error_severity":"LOG","pid":7,"message":"a long stor)", true);
  ASSERT_EQ(got.records_size(), 1);
  EXPECT_EQ(got.unparsed_records(), 0u);
  EXPECT_EQ(got.records(0).body(), "a long stor");
  EXPECT_EQ(got.records(0).pid(), 7u);
  EXPECT_TRUE(got.records(0).truncated());
}

TEST(CloseCutObject, MakesEveryBeginningOfALineAnObject) {
  const std::string line =
      R"({"error_severity":"LOG","pid":7,"message":"a \"b\" é \ud83d\ude00 \\","x":1})";
  for (size_t size = 24; size <= line.size(); ++size) {
    const auto got = Parse(line.substr(0, size), true);
    ASSERT_EQ(got.records_size(), 1);
    EXPECT_EQ(got.unparsed_records(), 0u) << CloseCutObject(line.substr(0, size));
  }
}

}  // namespace
