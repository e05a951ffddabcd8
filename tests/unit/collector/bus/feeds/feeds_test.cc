#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/bus/feeds/make_feeds.h"
#include "collector/bus/feeds/raw_host_logs.h"
#include "collector/bus/feeds/raw_logs.h"
#include "collector/bus/feeds/raw_queries.h"
#include "collector/bus/feeds/rfc3339.h"
#include "opentelemetry/proto/logs/v1/logs.pb.h"
#include "shared/base/version.h"
#include "tests/support/feed_batches.h"

namespace collector::bus {
namespace {

constexpr size_t kRoomy = size_t{1} << 20;
constexpr uint64_t kTime = 1'795'248'000'000'000'000;
constexpr std::string_view kAgent = "61616161-6161-6161-6161-616161616161";

std::vector<FeedRecord> Encode(const Feed& feed, const ingest::AcceptedBatch& batch,
                               size_t record_bytes, uint64_t& lost) {
  std::vector<FeedRecord> out;
  lost = feed.Encode(batch, tests::BatchLayouts(batch.batch), record_bytes, out);
  return out;
}

pgvigil::v1::LogChunk& AddChunk(pgvigil::v1::LogFormat format, pgvigil::v1::Batch& batch) {
  pgvigil::v1::LogChunk& chunk = *batch.add_logs();
  chunk.mutable_file()->set_id(std::string(16, 'f'));
  chunk.mutable_file()->set_path("/var/log/x");
  chunk.mutable_file()->set_format(format);
  return chunk;
}

ingest::AcceptedBatch LogBatch() {
  ingest::AcceptedBatch batch = tests::MakeAccepted(pgvigil::v1::STREAM_LOGS);
  pgvigil::v1::LogRecord& line =
      *AddChunk(pgvigil::v1::LOG_FORMAT_SYSLOG_FILE, batch.batch).add_records();
  line.set_offset(17);
  line.set_time_unix_nano(kTime + 1);
  line.set_severity_number(17);
  line.set_severity_text("err");
  line.set_body("say \"hi\"");
  line.set_host_name("web");
  line.set_program("sshd");
  line.set_pid(42);
  line.set_truncated(true);
  pgvigil::v1::Attribute& facility = *line.add_attributes();
  facility.set_name("syslog.facility");
  facility.set_value("4");

  pgvigil::v1::LogChunk& chunk = AddChunk(pgvigil::v1::LOG_FORMAT_POSTGRES_JSON, batch.batch);
  chunk.mutable_instance()->set_name("main");
  chunk.mutable_instance()->set_port(5432);
  chunk.mutable_instance()->set_system_identifier(7'300'000'000'000'000'001);
  chunk.mutable_instance()->set_server_version_num(150018);
  pgvigil::v1::LogRecord& event = *chunk.add_records();
  event.set_offset(5);
  event.set_time_unix_nano(kTime + 2);
  event.set_observed_unix_nano(kTime + 3);
  event.set_severity_number(17);
  event.set_severity_text("ERROR");
  event.set_body("division by zero");
  event.set_sqlstate("22012");
  event.set_pid(99);
  event.set_database("app");
  event.set_query_id(-5);
  event.set_statement("SELECT $1/$2");
  return batch;
}

TEST(FormatRfc3339, HasNineDigitsAndReachesTheEndOfTime) {
  EXPECT_EQ(FormatRfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(FormatRfc3339(kTime + 7), "2026-11-21T08:00:00.000000007Z");
  EXPECT_EQ(FormatRfc3339(951'782'400'123'456'789), "2000-02-29T00:00:00.123456789Z");
  EXPECT_EQ(FormatRfc3339(UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
}

TEST(MakeFeeds, MakesThoseThatAreSwitchedOn) {
  config::Kafka kafka;
  kafka.otel_metrics.topic = "theirs";
  kafka.otel_metrics.encoding = "otlp_json";
  kafka.raw_queries.enabled = false;
  std::vector<std::string> made;
  for (const std::unique_ptr<Feed>& feed : MakeFeeds(kafka)) {
    made.push_back(std::string(feed->name()) + " " + std::string(feed->topic()) + " " +
                   std::string(feed->content_type()) + (feed->needs_layouts() ? " layouts" : ""));
  }
  EXPECT_THAT(made, testing::ElementsAre("otel-metrics theirs application/json layouts",
                                         "raw-host-logs raw-host-logs application/json",
                                         "raw-logs raw-logs application/json"));
}

TEST(RawHostLogsFeed, WritesAWholeDocumentOfTheSyslogRecords) {
  uint64_t lost = 9;
  const RawHostLogsFeed feed({true, "raw-host-logs", "otlp_json"});
  const std::vector<FeedRecord> records = Encode(feed, LogBatch(), kRoomy, lost);
  EXPECT_EQ(lost, 0u);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].key, kAgent);
  EXPECT_EQ(records[0].items, 1u);
  EXPECT_EQ(
      records[0].value,
      R"({"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"db1"}},)"
      R"({"key":"pgvigil.tenant","value":{"intValue":"3"}}]},"scopeLogs":[{"scope":{"name":"pgvigil",)"
      R"("version":")" +
          std::string(shared::kVersion) +
          R"("},"logRecords":[{"timeUnixNano":"1795248000000000001",)"
          R"("observedTimeUnixNano":"1795248000000000000","severityNumber":17,"severityText":"err",)"
          R"("body":{"stringValue":"say \"hi\""},"attributes":[)"
          R"({"key":"host.name","value":{"stringValue":"web"}},)"
          R"({"key":"syslog.program","value":{"stringValue":"sshd"}},)"
          R"({"key":"process.pid","value":{"intValue":"42"}},)"
          R"({"key":"log.file.path","value":{"stringValue":"/var/log/x"}},)"
          R"({"key":"log.file.record_offset","value":{"intValue":"17"}},)"
          R"({"key":"syslog.facility","value":{"stringValue":"4"}},)"
          R"({"key":"pgvigil.truncated","value":{"boolValue":true}}]}]}]}]})");
}

TEST(RawHostLogsFeed, CutsWhatIsTooLargeAndSplitsTheRest) {
  ingest::AcceptedBatch batch = LogBatch();
  pgvigil::v1::LogChunk& chunk = *batch.batch.mutable_logs(0);
  for (int i = 0; i < 50; ++i) *chunk.add_records() = chunk.records(0);
  chunk.mutable_records(9)->set_body(std::string(100'000, '\x01'));
  for (const std::string encoding : {"otlp_proto", "otlp_json"}) {
    uint64_t lost = 9;
    uint64_t items = 0;
    for (const FeedRecord& record :
         Encode(RawHostLogsFeed({true, "t", encoding}), batch, 5'000, lost)) {
      EXPECT_LE(record.value.size(), 5'000u);
      items += record.items;
      if (encoding == "otlp_json") continue;
      opentelemetry::proto::logs::v1::LogsData data;
      EXPECT_TRUE(data.ParseFromString(record.value));
      EXPECT_EQ(static_cast<uint64_t>(data.resource_logs(0).scope_logs(0).log_records_size()),
                record.items);
    }
    EXPECT_EQ(items, 51u) << encoding;
    EXPECT_EQ(lost, 0u) << encoding;
    EXPECT_TRUE(Encode(RawHostLogsFeed({true, "t", encoding}), batch, 100, lost).empty());
    EXPECT_EQ(lost, 51u) << "no record has room for one";
  }
}

TEST(RawLogsFeed, WritesAWholeDocumentAnEvent) {
  uint64_t lost = 9;
  const std::vector<FeedRecord> records =
      Encode(RawLogsFeed({true, "raw-logs", "json"}), LogBatch(), kRoomy, lost);
  EXPECT_EQ(lost, 0u);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].key, kAgent);
  EXPECT_EQ(records[0].items, 1u);
  EXPECT_EQ(records[0].value,
            R"({"schema":"pgvigil.raw-logs.v1","tenant":3,)"
            R"("agent":"61616161-6161-6161-6161-616161616161","host":{"host.name":"db1"},)"
            R"("kind":"postgresql.log","observed_time":"2026-11-21T08:00:00.000000003Z",)"
            R"("attributes":{"postgresql.instance":"main","postgresql.port":5432,)"
            R"("postgresql.system_identifier":"7300000000000000001",)"
            R"("postgresql.server_version_num":150018,)"
            R"("log.file.id":"66666666666666666666666666666666","log.file.path":"/var/log/x",)"
            R"("log.file.record_offset":"5"},)"
            R"("body":{"time":"2026-11-21T08:00:00.000000002Z","severity_number":17,)"
            R"("severity_text":"ERROR","message":"division by zero","sqlstate":"22012",)"
            R"("database":"app","statement":"SELECT $1/$2","pid":99,"queryid":"-5"}})");
}

TEST(RawLogsFeed, CutsTheTextsOfAnEventThatIsTooLarge) {
  ingest::AcceptedBatch batch = LogBatch();
  batch.batch.mutable_logs(1)->mutable_records(0)->set_statement(std::string(100'000, 's'));
  uint64_t lost = 9;
  const RawLogsFeed feed({true, "raw-logs", "json"});
  std::vector<FeedRecord> records = Encode(feed, batch, 6'400, lost);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_THAT(records[0].value,
              testing::HasSubstr(R"("statement":")" + std::string(100, 's') + R"(","pid")"));
  EXPECT_THAT(records[0].value, testing::HasSubstr(R"("truncated":true)"));
  EXPECT_EQ(lost, 0u);
  EXPECT_TRUE(Encode(feed, batch, 100, lost).empty());
  EXPECT_EQ(lost, 1u);
}

ingest::AcceptedBatch StatementBatch() {
  ingest::AcceptedBatch batch = tests::MakeAccepted(pgvigil::v1::STREAM_STATEMENTS);
  pgvigil::v1::StatementInterval& interval = *batch.batch.add_statements();
  interval.mutable_instance()->set_name("main");
  interval.mutable_instance()->set_port(5432);
  interval.set_start_unix_nano(kTime);
  interval.set_end_unix_nano(kTime + 60'000'000'000);
  pgvigil::v1::NamedOid& database = *interval.add_databases();
  database.set_oid(5);
  database.set_name("app");
  pgvigil::v1::StatementDelta& delta = *interval.add_deltas();
  delta.set_dbid(5);
  delta.set_userid(10);
  delta.set_queryid(-9'000'000'000'000'000'001);
  delta.set_toplevel(true);
  delta.set_kind(pgvigil::v1::DELTA_KIND_DIFFERENCE);
  delta.set_calls(3);
  delta.set_total_exec_time_ms(1.25);
  delta.set_shared_blks_hit(8);
  pgvigil::v1::StatementTexts& texts = *batch.batch.add_texts();
  *texts.mutable_instance() = interval.instance();
  for (const int64_t queryid : {delta.queryid(), int64_t{77}}) {
    pgvigil::v1::StatementText& text = *texts.add_texts();
    text.set_dbid(5);
    text.set_queryid(queryid);
    text.set_text("SELECT $1");
    text.set_fingerprint("\x01\x02\x03\x04\x05\x06\x07\x08");
    text.set_parsed(true);
  }
  return batch;
}

TEST(RawQueriesFeed, WritesAWholeDocumentAStatement) {
  uint64_t lost = 9;
  const std::vector<FeedRecord> records =
      Encode(RawQueriesFeed({true, "raw-queries", "json"}), StatementBatch(), kRoomy, lost);
  EXPECT_EQ(lost, 0u);
  ASSERT_EQ(records.size(), 2u);
  const auto head = [](std::string_view kind) {
    return R"({"schema":"pgvigil.raw-queries.v1","tenant":3,)"
           R"("agent":"61616161-6161-6161-6161-616161616161","host":{"host.name":"db1"},)"
           R"("kind":")" +
           std::string(kind) + R"(","observed_time":"2026-11-21T08:00:00.000000000Z",)" +
           R"("attributes":{"postgresql.instance":"main","postgresql.port":5432,)"
           R"("postgresql.system_identifier":"0","postgresql.server_version_num":0},"body":{)";
  };
  EXPECT_EQ(records[0].value,
            head("postgresql.statement") +
                R"("interval_start":"2026-11-21T08:00:00.000000000Z",)"
                R"("interval_end":"2026-11-21T08:01:00.000000000Z","partial":false,)"
                R"("delta":"difference","queryid":"-9000000000000000001","toplevel":true,)"
                R"("dbid":5,"database":"app","userid":10,"calls":3,"rows":0,)"
                R"("total_exec_time_ms":1.25,"shared_blks_hit":8,"text":"SELECT $1",)"
                R"("text_truncated":false,"text_parsed":true,"fingerprint":"0102030405060708"}})");
  EXPECT_EQ(records[1].value,
            head("postgresql.statement_text") +
                R"("queryid":"77","dbid":5,"text":"SELECT $1","text_truncated":false,)"
                R"("text_parsed":true,"fingerprint":"0102030405060708"}})");
}

TEST(RawQueriesFeed, SendsCountersWithoutATextThatIsTooLarge) {
  ingest::AcceptedBatch batch = StatementBatch();
  batch.batch.mutable_texts(0)->mutable_texts(0)->set_text(std::string(5'000, 'x'));
  uint64_t lost = 0;
  const RawQueriesFeed feed({true, "raw-queries", "json"});
  const std::vector<FeedRecord> records = Encode(feed, batch, 1'000, lost);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].value, testing::EndsWith(R"("shared_blks_hit":8}})"));
  EXPECT_EQ(lost, 1u);
}

}  // namespace
}  // namespace collector::bus
