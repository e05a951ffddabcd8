#include "collector/api/api.h"
#include "collector/api/self_routes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_reader.h"
#include "tests/support/metric_value.h"
#include "tests/support/raw_connection.h"

namespace {

using collector::api::Api;
using collector::api::ApiOptions;
using collector::api::ReadyCheck;
using collector::api::SelfRoutes;
using collector::http::Server;
using collector::http::ServerConfig;
using nlohmann::json;

// The API behind a real listener, over a fake store.
class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    ServerConfig config;
    config.port = 0;
    server_.emplace(config);
    api_.emplace(reader_, clock_, registry_, ApiOptions{}, &quotas_);
    api_->AddRoutes(*server_);
    self_.emplace(registry_,
                  std::vector<ReadyCheck>{{"ingest", [] { return shared::Result<void>(); }},
                                          {"query", [this] { return reader_.Ready(); }}});
    self_->AddTo(*server_);
    const shared::Result<void> started = server_->Start();
    EXPECT_TRUE(started) << started.error().message;
  }
  ~ApiTest() override {
    server_->Stop(std::chrono::seconds(5));
    self_->Stop();
    api_->Stop();
  }

  struct Answer {
    int status = 0;
    std::string header;
    std::string body;
    json document() const { return json::parse(body, nullptr, false); }
    std::string error() const { return document()["error"]["message"].get<std::string>(); }
  };
  Answer Get(const std::string& target) {
    tests::RawConnection client(server_->port());
    client.Send("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string all = client.ReceiveAll();
    Answer answer;
    if (all.size() < 12) return answer;
    answer.status = std::stoi(all.substr(9, 3));
    const size_t end = all.find("\r\n\r\n");
    answer.header = all.substr(0, end);
    answer.body = all.substr(end + 4);
    return answer;
  }

  tests::FakeReader reader_;
  tests::FakeClock clock_;
  shared::metrics::Registry registry_;
  collector::access::Quotas quotas_{{{.queries_at_once = 2}, {}}, clock_, registry_};
  std::optional<Server> server_;
  std::optional<Api> api_;
  std::optional<SelfRoutes> self_;
};

TEST_F(ApiTest, ListsHosts) {
  collector::api::HostRow host;
  host.id = 3;
  host.name = "db\"1";
  host.host_key = "abc";
  host.resource = {{"os.type", "linux"}};
  host.last_seen = clock_.Now();
  reader_.hosts = {host};
  const Answer answer = Get("/api/pgvigil/v1/hosts");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json row = answer.document()["hosts"][0];
  EXPECT_EQ(row["name"], "db\"1");
  EXPECT_EQ(row["host_id"], "abc");
  EXPECT_EQ(row["last_seen"], "2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(row["resource"]["os.type"], "linux");
}

TEST_F(ApiTest, AnswersSoManyQueriesOfAKeyAtOnce) {
  const auto one = quotas_.BeginQuery({});
  const auto other = quotas_.BeginQuery({});
  const Answer answer = Get("/api/pgvigil/v1/hosts");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.error(),
            "the key's quota of 2 queries at once is used up (quotas.key.queries_at_once)");
  EXPECT_NE(answer.header.find("\r\nRetry-After: 1\r\n"), std::string::npos) << answer.header;
  EXPECT_EQ(Get("/api/pgvigil/v1/kafka").status, 200) << "who looks what is wrong may";
  (*other)->Leave();
  // One after the other never meets himself.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Get("/api/pgvigil/v1/hosts").status, 200) << i;
}

TEST_F(ApiTest, CountsQuestionsThatWereNotAnswered) {
  reader_.failure = shared::Error{shared::ErrorCode::kResourceExhausted, "too many"};
  EXPECT_EQ(Get("/api/pgvigil/v1/hosts").status, 422);
  reader_.failure = shared::Error{shared::ErrorCode::kTimeout, "too long"};
  EXPECT_EQ(Get("/api/pgvigil/v1/hosts").status, 503);
  const auto refused = [&](const std::string& reason) {
    return tests::MetricValue(registry_,
                              "collector_query_refused_total{reason=\"" + reason + "\"}");
  };
  EXPECT_EQ(refused("too_large"), "1");
  EXPECT_EQ(refused("timeout"), "1");
  EXPECT_EQ(refused("busy"), "0");
}

TEST_F(ApiTest, TellsHowFarAnAgentLags) {
  collector::api::AgentRow agent;
  agent.id = "00000000-0000-0000-0000-000000000001";
  agent.host_name = "db1";
  agent.last_seen = clock_.Now() - std::chrono::seconds(30);
  collector::api::AgentStreamRow stream;
  stream.stream = "metrics";
  stream.incarnation = 1'767'225'600'000'000'001;
  stream.sequence = 12;
  stream.gaps = 2;
  stream.last_received = agent.last_seen;
  stream.last_event = agent.last_seen - std::chrono::milliseconds(1500);
  agent.streams = {stream};
  agent.status_json = R"({"dropped":[{"reason":"spool_full","items":5}]})";
  reader_.agents = {agent};
  const json row = Get("/api/pgvigil/v1/agents").document()["agents"][0];
  EXPECT_EQ(row["silent_seconds"], 30.0);
  EXPECT_EQ(row["streams"][0]["lag_seconds"], 1.5);
  EXPECT_EQ(row["streams"][0]["incarnation"], "1767225600000000001");
  EXPECT_EQ(row["streams"][0]["missing_batches"], 2);
  EXPECT_EQ(row["status"]["dropped"][0]["reason"], "spool_full");
  EXPECT_EQ(row["refused"], json::object());
}

TEST_F(ApiTest, PassesSelectorsToTheStoreAndWritesSamples) {
  collector::api::SeriesSamples samples;
  samples.series.name = "system.cpu.time";
  samples.series.kind = shared::model::MetricKind::kCounter;
  samples.series.labels = {{"cpu.mode", "user"}};
  samples.samples = {{1'767'225'600'250'000'000, 1.5}, {1'767'225'610'000'000'000, 1.0 / 0.0}};
  reader_.samples = {samples};
  reader_.resolution = std::chrono::minutes(5);
  const Answer answer =
      Get("/api/pgvigil/v1/samples?metric=system.cpu.time&host=db1&label.cpu.mode=user&from=now-5m"
          "&step=5m&aggregate=rate");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(reader_.selector.name, "system.cpu.time");
  EXPECT_EQ(reader_.selector.host, "db1");
  EXPECT_EQ(reader_.selector.labels, (shared::model::Labels{{"cpu.mode", "user"}}));
  EXPECT_EQ(reader_.range.from, clock_.Now() - std::chrono::minutes(5));
  EXPECT_EQ(reader_.step, std::chrono::minutes(5));
  EXPECT_EQ(reader_.aggregate, collector::api::SampleAggregate::kRate);
  EXPECT_EQ(answer.document()["resolution_ms"], 300'000);
  const json series = answer.document()["series"][0];
  EXPECT_EQ(series["kind"], "counter");
  EXPECT_EQ(series["samples"][0], json::parse("[1767225600.25, 1.5]"));
  EXPECT_EQ(series["samples"][1], json::parse("[1767225610, \"+Inf\"]"));
}

TEST_F(ApiTest, WantsStepAndAggregateTogether) {
  const auto expect_error = [&](std::string_view query, std::string_view message) {
    const Answer answer = Get(fmt::format("/api/pgvigil/v1/samples?metric=x&{}", query));
    EXPECT_EQ(answer.status, 400) << query;
    EXPECT_EQ(answer.error(), message);
  };
  expect_error("step=5m", "parameter 'aggregate' is required with 'step'");
  expect_error("aggregate=avg", "parameter 'step' is required with 'aggregate'");
  expect_error("step=5m&aggregate=median",
               "parameter 'aggregate': 'median': expected one of avg, min, max, sum, count, last, "
               "increase, rate");
  expect_error("step=5ms&aggregate=avg",
               "parameter 'step': '5ms': expected a duration from 1000 ms to 31622400000 ms, like "
               "30s, 15m, 1h30m");
}

TEST_F(ApiTest, RanksStatementsByTheCounterThatWasAskedFor) {
  collector::api::StatementRow row;
  row.queryid = -5'000'000'000'000'000'000;
  row.text = "select $1";
  row.counters = {{"calls", 3}, {"wal_bytes", 10}};
  reader_.statements = {row};
  const Answer answer = Get("/api/pgvigil/v1/statements?order_by=wal_bytes&limit=5&database=app");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(reader_.statement_query.order_by, "wal_bytes");
  EXPECT_EQ(reader_.statement_query.limit, 5u);
  EXPECT_EQ(reader_.statement_query.database, "app");
  const json statement = answer.document()["statements"][0];
  EXPECT_EQ(statement["queryid"], "-5000000000000000000");
  EXPECT_EQ(statement["counters"]["calls"], 3);
  const Answer refused = Get("/api/pgvigil/v1/statements?order_by=speed");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.error().find("parameter 'order_by': 'speed': expected one of "
                                 "total_exec_time_ms, calls, rows"),
            std::string::npos)
      << refused.error();
}

TEST_F(ApiTest, ShowsOneStatementOverTime) {
  reader_.points = {{clock_.Now() - std::chrono::seconds(30), clock_.Now(), {{"calls", 7}}}};
  const Answer answer = Get("/api/pgvigil/v1/statements/-42");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(reader_.queryid, -42);
  EXPECT_EQ(answer.document()["intervals"][0]["counters"]["calls"], 7);
  EXPECT_EQ(Get("/api/pgvigil/v1/statements/x").error(),
            "parameter 'queryid (in the path)': 'x': expected a 64-bit whole number");
}

TEST_F(ApiTest, ShowsWhatLogsHaveInCommon) {
  collector::api::LogPatternRow row;
  row.id = 3;
  row.pattern = "port <*>";
  row.lines = 12;
  reader_.log_patterns = {{row}, 5};
  const Answer answer =
      Get("/api/pgvigil/v1/log-patterns?source=syslog&new_since=1970-01-01T00:00:01Z&limit=2");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(reader_.log_pattern_query.source, "syslog");
  EXPECT_EQ(reader_.log_pattern_query.new_since, shared::FromUnixNanos(1'000'000'000));
  EXPECT_EQ(reader_.log_pattern_query.limit, 2u);
  EXPECT_EQ(answer.document()["uncounted_lines"], 5);
  EXPECT_EQ(answer.document()["patterns"][0]["pattern"], "port <*>");
  EXPECT_EQ(answer.document()["patterns"][0]["lines"], 12);
  Get("/api/pgvigil/v1/logs?pattern=3&word=42&source=postgres");
  EXPECT_EQ(reader_.log_query.pattern, 3);
  EXPECT_EQ(reader_.log_query.word, "42");
  EXPECT_EQ(reader_.log_query.source, "postgres");
  EXPECT_EQ(Get("/api/pgvigil/v1/logs?pattern=4294967296").error(),
            "parameter 'pattern': '4294967296': expected an id of log-patterns");
}

TEST_F(ApiTest, PagesThroughLogs) {
  collector::api::LogRow row;
  row.body = "duration: 5 ms\n\x01";
  row.severity_text = "LOG";
  row.fields = {{"sqlstate", "00000"}};
  reader_.logs.rows = {row};
  reader_.logs.next_cursor = "c2";
  const Answer answer = Get(
      "/api/pgvigil/v1/logs?severity=warn&sqlstate=42P01&contains=a%20b&order=oldest&cursor=c1");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(reader_.log_query.min_severity, 13u);
  EXPECT_EQ(reader_.log_query.sqlstate, "42P01");
  EXPECT_EQ(reader_.log_query.contains, "a b");
  EXPECT_FALSE(reader_.log_query.newest_first);
  EXPECT_EQ(reader_.log_query.cursor, "c1");
  EXPECT_EQ(answer.document()["records"][0]["body"], "duration: 5 ms\n\x01");
  EXPECT_EQ(answer.document()["next_cursor"], "c2");
  EXPECT_EQ(Get("/api/pgvigil/v1/logs?sqlstate=42").error(),
            "parameter 'sqlstate': '42': expected five characters, like 42P01");
}

TEST_F(ApiTest, TellsHowFarPartitionsAreStoredAndWhatWasNot) {
  collector::api::KafkaPositionRow position;
  position.topic = "pgvigil.batches.v1";
  position.partition = 3;
  position.next_offset = 4711;
  reader_.kafka_positions = {position};
  const json partition = Get("/api/pgvigil/v1/kafka").document()["partitions"][0];
  EXPECT_EQ(partition["next_offset"], 4711);
  EXPECT_EQ(partition["updated_at"], nullptr);
  collector::api::DeadLetterRow letter;
  letter.id = 8;
  letter.reason = "undecodable";
  letter.topic = "pgvigil.batches.v1";
  letter.offset = 17;
  letter.dead_topic = "pgvigil.dead.v1";
  letter.at = clock_.Now();
  reader_.dead_letters = {letter};
  const Answer answer =
      Get("/api/pgvigil/v1/dead-letters?reason=undecodable&after=5&replayed=true&limit=1");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(reader_.dead_letter_query.reason, "undecodable");
  EXPECT_EQ(reader_.dead_letter_query.after_id, 5);
  EXPECT_FALSE(reader_.dead_letter_query.waiting_only);
  EXPECT_EQ(answer.document()["dead_letters"][0]["origin"]["offset"], 17);
  EXPECT_EQ(answer.document()["dead_letters"][0]["bytes"]["topic"], "pgvigil.dead.v1");
  EXPECT_EQ(answer.document()["next_after"], 8);
}

TEST_F(ApiTest, ReadsASelectorInPrometheusSyntax) {
  using collector::api::Matcher;
  using collector::api::MatchOp;
  // {host=~"db.*",n!=""}
  EXPECT_EQ(Get("/api/pgvigil/v1/samples?match=up%7Bhost%3D~%22db.*%22,n!%3D%22%22%7D").status,
            200);
  const std::vector<Matcher> wanted = {{"__name__", MatchOp::kEqual, "up"},
                                       {"host", MatchOp::kMatches, "db.*"},
                                       {"n", MatchOp::kNotEqual, ""}};
  EXPECT_EQ(reader_.selector.matchers, wanted);
  EXPECT_EQ(Get("/api/pgvigil/v1/series?match=%7Bhost%7D").error(),
            "parameter 'match': '{host}': expected a selector like cpu.time{host=~\"db.*\"}; "
            "position 6: expected =, !=, =~ or !~ after 'host'");
}

TEST_F(ApiTest, ListsLabelsAndTheirValues) {
  reader_.texts = {"a", "b\"c"};
  EXPECT_EQ(Get("/api/pgvigil/v1/labels?metric=up").body, "{\"labels\":[\"a\",\"b\\\"c\"]}\n");
  EXPECT_EQ(reader_.selector.name, "up");
  EXPECT_FALSE(reader_.selector.seen);
  const Answer answer = Get("/api/pgvigil/v1/labels/host.name/values?host=db1&from=now-1h");
  EXPECT_EQ(answer.body, "{\"values\":[\"a\",\"b\\\"c\"]}\n");
  EXPECT_EQ(reader_.label, "host.name");
  EXPECT_EQ(reader_.selector.host, "db1");
  ASSERT_TRUE(reader_.selector.seen);
  EXPECT_EQ(reader_.selector.seen->from, clock_.Now() - std::chrono::hours(1));
}

TEST_F(ApiTest, TellsWhereSeriesComeFrom) {
  collector::api::Cardinality& count = reader_.cardinality;
  count.series = 7;
  count.active = 6;
  count.series_per_tenant = 100;
  count.series_per_agent = 10;
  count.metrics = {{"up", 5, 2, 3, 0}};
  count.labels = {{"n", 4, 0, 0, 9}};
  count.refused = {{"db1", "up", "series_per_agent", 3, {{"n", "1"}}, clock_.Now()}};
  count.conflicts = {{"up", {{"By", shared::model::MetricKind::kGauge, 1}}}};
  const json document = Get("/api/pgvigil/v1/cardinality").document();
  EXPECT_EQ(document, json::parse(R"({
    "series": 7, "active": 6, "limits": {"series_per_tenant": 100, "series_per_agent": 10},
    "metrics": [{"metric": "up", "series": 5, "new_last_hour": 2, "new_last_day": 3}],
    "new_metrics": [], "hosts": [],
    "labels": [{"label": "n", "values": 9, "series": 4, "new_last_hour": 0, "new_last_day": 0}],
    "refused": [{"reason": "series_per_agent", "host": "db1", "metric": "up", "series": 3,
                 "example": {"n": "1"}, "last_seen": "2026-01-01T00:00:00.000000Z"}],
    "conflicts": [{"metric": "up", "variants": [{"unit": "By", "kind": "gauge", "series": 1}]}]})"));
}

TEST_F(ApiTest, SaysWhatAParameterMayBe) {
  const Answer answer = Get("/api/pgvigil/v1/samples?metrc=x");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.error(),
            "parameter 'metric' is required; parameter 'metrc': unknown; did you mean 'metric'? "
            "allowed: metric, host, match, to, from, step, aggregate, limit, label.<name>");
}

TEST_F(ApiTest, TurnsErrorsOfTheStoreIntoStatuses) {
  const auto status_of = [&](shared::ErrorCode code) {
    reader_.failure = shared::Error{code, "why"};
    return Get("/api/pgvigil/v1/hosts").status;
  };
  EXPECT_EQ(status_of(shared::ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status_of(shared::ErrorCode::kTimeout), 503);
  EXPECT_EQ(status_of(shared::ErrorCode::kResourceExhausted), 422);
  EXPECT_EQ(status_of(shared::ErrorCode::kNotFound), 404);
  EXPECT_EQ(status_of(shared::ErrorCode::kInternal), 500);
  reader_.failure = shared::Error{shared::ErrorCode::kUnavailable, "PostgreSQL is away"};
  const Answer answer = Get("/api/pgvigil/v1/hosts");
  EXPECT_NE(answer.header.find("Retry-After: 1"), std::string::npos) << answer.header;
}

TEST_F(ApiTest, IsReadyWhenEveryRoleIs) {
  EXPECT_EQ(Get("/healthz").body, "ok\n");
  EXPECT_EQ(Get("/readyz").body, "ready\n");
  reader_.failure = shared::Error{shared::ErrorCode::kUnavailable, "PostgreSQL is away"};
  const Answer answer = Get("/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "not ready: query: PostgreSQL is away\n");
  EXPECT_EQ(Get("/healthz").status, 200);
}

TEST_F(ApiTest, ExposesItsOwnMetrics) {
  Get("/api/pgvigil/v1/hosts");
  Get("/nowhere");
  const Answer answer = Get("/metrics");
  EXPECT_NE(answer.header.find("text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(answer.body.find("collector_http_responses_total{status=\"200\"} 1"), std::string::npos)
      << answer.body;
  EXPECT_NE(answer.body.find("collector_http_responses_total{status=\"404\"} 1"),
            std::string::npos);
  EXPECT_NE(
      answer.body.find("collector_query_duration_seconds_count{path=\"/api/pgvigil/v1/hosts\"} 1"),
      std::string::npos);
}

}  // namespace
