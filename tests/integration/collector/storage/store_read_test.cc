#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "collector/storage/reader.h"
#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using collector::api::AgentRow;
using collector::api::HostRow;
using collector::api::LogPage;
using collector::api::LogQuery;
using collector::api::SeriesRow;
using collector::api::SeriesSamples;
using collector::api::StatementQuery;
using collector::api::StatementRow;
using collector::api::TimeRange;
using pgvigil::v1::Batch;
using shared::ErrorCode;

TimeRange Range(int64_t from_seconds, int64_t to_seconds) {
  return {shared::FromUnixNanos(kStart + from_seconds * kSecond),
          shared::FromUnixNanos(kStart + to_seconds * kSecond)};
}

class StoreRead : public StoreTest {
 protected:
  collector::api::TelemetryReader& reader() { return store_->reader(); }
  void Store(Batch batch, int32_t tenant = 1) {
    const Result<pgvigil::v1::BatchReply> reply = Submit(*store_, std::move(batch), tenant);
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->refusals_size(), 0) << reply->refusals(0).example();
    ASSERT_EQ(reply->missing_layouts_size(), 0);
  }
};

TEST_F(StoreRead, ListsHostsAndAgents) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 3);
  const shared::model::Layout layout = MakeLayout(1);
  AddLayout(batch, layout);
  AddBlock(batch, layout, MakeBlock(1, 2, kStart));
  batch.mutable_status()->set_version("0.1.0");
  auto* capability = batch.mutable_status()->add_capabilities();
  capability->set_name("postgres:main");
  capability->set_state(pgvigil::v1::Capability::STATE_DEGRADED);
  capability->set_remedy("GRANT pg_monitor TO \"x\"");
  (*batch.mutable_blocks()->Add()) = batch.blocks(0);
  batch.mutable_blocks(1)->set_payload("no block");
  ASSERT_TRUE(Submit(*store_, batch));

  const Result<std::vector<HostRow>> hosts = reader().Hosts(Context(), 10);
  ASSERT_TRUE(hosts) << hosts.error().message;
  ASSERT_EQ(hosts->size(), 1u);
  EXPECT_EQ(hosts->front().name, "db-1");
  EXPECT_EQ(hosts->front().host_key, "key-1");
  EXPECT_EQ(hosts->front().resource,
            (shared::model::Labels{{"host.id", "key-1"}, {"host.name", "db-1"}}));
  EXPECT_GE(hosts->front().last_seen, hosts->front().first_seen);

  const Result<std::vector<AgentRow>> agents = reader().Agents(Context(), 10);
  ASSERT_TRUE(agents) << agents.error().message;
  ASSERT_EQ(agents->size(), 1u);
  const AgentRow& agent = agents->front();
  EXPECT_EQ(agent.id, "00000000-0000-0000-0000-000000000001");
  EXPECT_EQ(agent.host_name, "db-1");
  EXPECT_EQ(agent.version, "0.1.0");
  EXPECT_EQ(agent.status_json,
            R"({"dropped": [], "streams": [], "capabilities": [{"name": "postgres:main", )"
            R"("state": "degraded", "detail": "", "remedy": "GRANT pg_monitor TO \"x\""}]})");
  EXPECT_EQ(agent.refused_json, R"({"malformed_block": 2})");
  ASSERT_EQ(agent.streams.size(), 1u);
  EXPECT_EQ(agent.streams[0].stream, "metrics");
  EXPECT_EQ(agent.streams[0].incarnation, 7u);
  EXPECT_EQ(agent.streams[0].sequence, 3u);
  EXPECT_EQ(agent.streams[0].gaps, 2u);
  EXPECT_EQ(agent.streams[0].last_event, shared::FromUnixNanos(kStart + 10 * kSecond));

  EXPECT_TRUE(reader().Hosts(Context(2), 10)->empty());
  EXPECT_TRUE(reader().Agents(Context(2), 10)->empty());
}

TEST_F(StoreRead, FindsSeriesByNameHostAndLabels) {
  for (int agent = 1; agent <= 2; ++agent) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, agent, 1);
    AddLayout(batch, MakeLayout(3));
    Store(std::move(batch));
  }
  const auto count = [&](collector::api::SeriesSelector selector, int32_t tenant = 1) {
    const Result<std::vector<SeriesRow>> series = reader().Series(Context(tenant), selector, 100);
    EXPECT_TRUE(series) << series.error().message;
    return series ? series->size() : 0;
  };
  EXPECT_EQ(count({}), 6u);
  EXPECT_EQ(count({"test.value", {}, {}}), 6u);
  EXPECT_EQ(count({"test", {}, {}}), 0u);
  EXPECT_EQ(count({"", "db-2", {}}), 3u);
  EXPECT_EQ(count({"", "key-2", {}}), 3u);
  EXPECT_EQ(count({"", {}, {{"n", "1"}}}), 2u);
  EXPECT_EQ(count({"", "db-1", {{"n", "1"}, {"job", "test"}}}), 1u);
  EXPECT_EQ(count({"", {}, {{"n", "\"'\\"}}}), 0u);
  EXPECT_EQ(count({}, 2), 0u);
  const SeriesRow series = reader().Series(Context(), {"", "db-1", {{"n", "2"}}}, 1)->front();
  EXPECT_EQ(series.host_name, "db-1");
  EXPECT_EQ(series.name, "test.value");
  EXPECT_EQ(series.unit, "By");
  EXPECT_EQ(series.kind, shared::model::MetricKind::kGauge);
  EXPECT_EQ(series.labels, (shared::model::Labels{{"job", "test"}, {"n", "2"}}));
}

TEST_F(StoreRead, GivesSamplesBackBitForBit) {
  std::mt19937_64 random(20260101);
  const shared::model::Layout layout = MakeLayout(5);
  // By series and time, as bits; three hours of minutes, sent out of order.
  std::vector<std::map<int64_t, uint64_t>> truth(5);
  std::vector<uint64_t> order;
  for (uint64_t i = 0; i < 180; ++i) order.push_back(i);
  std::shuffle(order.begin(), order.end(), random);
  const double odd[] = {0.0,
                        -0.0,
                        std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::denorm_min(),
                        1e308,
                        0.1,
                        std::bit_cast<double>(uint64_t{0x7ff8dead00000001})};
  uint64_t sequence = 0;
  for (const uint64_t minute : order) {
    // Seconds before midnight too: the first blocks belong to the day before.
    shared::model::Block block =
        MakeBlock(5, 6, kStart - 5400 * kSecond + static_cast<int64_t>(minute) * 60 * kSecond + 7);
    for (size_t series = 0; series < 5; ++series) {
      for (size_t tick = 0; tick < 6; ++tick) {
        double& value = block.values[series * 6 + tick];
        if (random() % 3 == 0) value = odd[random() % std::size(odd)];
        if (random() % 10 == 0) {
          value = std::bit_cast<double>(shared::model::kStaleBits);
        } else {
          truth[series][block.times_unix_nano[tick]] = std::bit_cast<uint64_t>(value);
        }
      }
    }
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, ++sequence);
    if (sequence == 1) AddLayout(batch, layout);
    AddBlock(batch, layout, block);
    Store(std::move(batch));
  }
  const auto check = [&](int64_t from, int64_t to) {
    const TimeRange range{shared::FromUnixNanos(from), shared::FromUnixNanos(to)};
    const Result<std::vector<SeriesSamples>> answer =
        reader().Samples(Context(), {"test.value", {}, {}}, range, 10, 100'000);
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->size(), 5u);
    for (const SeriesSamples& one : *answer) {
      const auto& expected = truth[std::stoul(one.series.labels.back().value)];
      std::map<int64_t, uint64_t> got;
      int64_t last = 0;
      for (const auto& sample : one.samples) {
        EXPECT_GT(sample.time_unix_nano, last);
        last = sample.time_unix_nano;
        got[sample.time_unix_nano] = std::bit_cast<uint64_t>(sample.value);
      }
      EXPECT_EQ(got, (std::map(expected.lower_bound(from), expected.lower_bound(to))))
          << "series " << one.series.labels.back().value << " from " << from << " to " << to;
    }
  };
  check(0, std::numeric_limits<int64_t>::max() / 2);
  check(kStart - 100 * kSecond, kStart + 100 * kSecond);
  check(kStart + 7, kStart + 8);  // one instant, to the nanosecond
  check(kStart + 8, kStart + 10 * kSecond + 7);
  check(kStart + 3 * 3600 * kSecond, kStart + 4 * 3600 * kSecond);  // nothing
}

TEST_F(StoreRead, PrunesPartitionsAtPlanTime) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1);
  const shared::model::Layout layout = MakeLayout(1);
  AddLayout(batch, layout);
  AddBlock(batch, layout, MakeBlock(1, 2, kStart));
  Store(std::move(batch));
  const std::string plan =
      Ask("EXPLAIN (FORMAT json) SELECT data FROM pgvigil.block WHERE host_id = 1 AND layout_id = 1"
          " AND first_time >= '2026-01-01 00:00:00.000000+00'::timestamptz"
          " AND first_time < '2026-01-01 00:30:00.000000+00'::timestamptz");
  EXPECT_NE(plan.find("block_20260101_00"), std::string::npos);
  EXPECT_EQ(plan.find("block_20260101_01"), std::string::npos);
}

TEST_F(StoreRead, SaysHowManySeriesAreTooMany) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1);
  const shared::model::Layout layout = MakeLayout(7);
  AddLayout(batch, layout);
  AddBlock(batch, layout, MakeBlock(7, 6, kStart));
  Store(std::move(batch));
  const auto series = reader().Samples(Context(), {}, Range(0, 60), 5, 1000);
  ASSERT_FALSE(series);
  EXPECT_EQ(series.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(series.error().message,
            "7 series match, at most 5 can be read at once: name a host, a metric or labels");
  const auto samples = reader().Samples(Context(), {}, Range(0, 60), 10, 20);
  ASSERT_FALSE(samples);
  EXPECT_EQ(samples.error().message,
            "more than 20 samples in 7 series: ask for a shorter time or fewer series");
  const auto backwards = reader().Samples(Context(), {}, Range(60, 0), 10, 20);
  ASSERT_FALSE(backwards);
  EXPECT_EQ(backwards.error().message,
            "the range ends before it begins: 2026-01-01 00:01:00.000000+00 to "
            "2026-01-01 00:00:00.000000+00");
}

// Interval `i` of a minute; queryid q was called q * (i + 1) times.
Batch StatementsBatch(int agent, uint64_t sequence, int64_t i) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_STATEMENTS, agent, sequence);
  auto* interval = batch.add_statements();
  const auto describe = [&](pgvigil::v1::PostgresInstance* instance) {
    instance->set_system_identifier(7'123'456'789'012'345'678u);
    instance->set_name("main");
    instance->set_port(5432);
    instance->set_server_version_num(150018);
  };
  describe(interval->mutable_instance());
  interval->set_start_unix_nano(static_cast<uint64_t>(kStart + i * 60 * kSecond));
  interval->set_end_unix_nano(static_cast<uint64_t>(kStart + (i + 1) * 60 * kSecond));
  for (int64_t q = 1; q <= 3; ++q) {
    auto* delta = interval->add_deltas();
    delta->set_dbid(16384);
    delta->set_userid(10);
    delta->set_queryid(-q);
    delta->set_toplevel(true);
    delta->set_kind(pgvigil::v1::DELTA_KIND_DIFFERENCE);
    delta->set_calls(static_cast<uint64_t>(q * (i + 1)));
    delta->set_total_exec_time_ms(100.5 / static_cast<double>(q));
    delta->set_min_exec_time_ms(static_cast<double>(10 - i));
    delta->set_max_exec_time_ms(static_cast<double>(10 + i));
    delta->set_wal_bytes(uint64_t{1} << 40);
  }
  auto* database = interval->add_databases();
  database->set_oid(16384);
  database->set_name(i < 1 ? "shop" : "shop renamed");
  auto* role = interval->add_roles();
  role->set_oid(10);
  role->set_name("postgres");
  auto* texts = batch.add_texts();
  describe(texts->mutable_instance());
  auto* text = texts->add_texts();
  text->set_dbid(16384);
  text->set_queryid(-1);
  text->set_text("SELECT $1 -- \"quoted\", {braced}");
  text->set_fingerprint("\x01\x02\x03\x04\x05\x06\x07\xff");
  text->set_parsed(true);
  return batch;
}

TEST_F(StoreRead, SumsStatementsOverTheWindow) {
  for (int64_t i = 0; i < 3; ++i) Store(StatementsBatch(1, static_cast<uint64_t>(i + 1), i));
  StatementQuery query;
  query.range = Range(0, 181);
  query.order_by = "calls";
  const Result<std::vector<StatementRow>> top = reader().TopStatements(Context(), query);
  ASSERT_TRUE(top) << top.error().message;
  ASSERT_EQ(top->size(), 3u);
  EXPECT_EQ((*top)[0].queryid, -3);
  EXPECT_EQ((*top)[0].counters.at("calls"), 18);
  EXPECT_EQ((*top)[0].text, "");
  const StatementRow& last = (*top)[2];
  EXPECT_EQ(last.host_name, "db-1");
  EXPECT_EQ(last.instance, "7123456789012345678");
  EXPECT_EQ(last.instance_name, "main");
  EXPECT_EQ(last.database, "shop renamed");
  EXPECT_EQ(last.user, "postgres");
  EXPECT_EQ(last.queryid, -1);
  EXPECT_TRUE(last.toplevel);
  EXPECT_EQ(last.text, "SELECT $1 -- \"quoted\", {braced}");
  EXPECT_EQ(last.fingerprint, "01020304050607ff");
  EXPECT_EQ(last.counters.size(), collector::api::StatementCounters().size());
  EXPECT_EQ(last.counters.at("calls"), 6);
  EXPECT_EQ(last.counters.at("total_exec_time_ms"), 301.5);
  EXPECT_EQ(last.counters.at("wal_bytes"), 3.0 * std::pow(2.0, 40));
  EXPECT_EQ(last.min_exec_time_ms, 8);
  EXPECT_EQ(last.max_exec_time_ms, 12);

  query.order_by = "total_exec_time_ms";
  query.limit = 1;
  EXPECT_EQ(reader().TopStatements(Context(), query)->front().queryid, -1);
  // An interval belongs to the window in which it ends; the end of the window is outside.
  query.range = Range(60, 120);
  EXPECT_EQ(reader().TopStatements(Context(), query)->front().counters.at("calls"), 1);
  query.range = Range(0, 181);
  query.database = "shop";
  EXPECT_TRUE(reader().TopStatements(Context(), query)->empty());
  query.database = "shop renamed";
  query.user = "postgres";
  query.host = "db-1";
  EXPECT_EQ(reader().TopStatements(Context(), query)->size(), 1u);
  query.host = "db-2";
  EXPECT_TRUE(reader().TopStatements(Context(), query)->empty());
  query.host.reset();
  EXPECT_FALSE(reader().TopStatements(Context(), query)->empty());
  EXPECT_TRUE(reader().TopStatements(Context(2), query)->empty());
  query.order_by = "calls; DROP TABLE x";
  EXPECT_EQ(reader().TopStatements(Context(), query).error().message,
            "order_by: 'calls; DROP TABLE x' is no counter");
}

TEST_F(StoreRead, ShowsAStatementOverTime) {
  for (int64_t i = 0; i < 3; ++i) Store(StatementsBatch(1, static_cast<uint64_t>(i + 1), i));
  StatementQuery query;
  query.range = Range(0, 3600);
  query.limit = 100;
  const auto points = reader().StatementHistory(Context(), query, -2);
  ASSERT_TRUE(points) << points.error().message;
  ASSERT_EQ(points->size(), 3u);
  EXPECT_EQ((*points)[1].start, shared::FromUnixNanos(kStart + 60 * kSecond));
  EXPECT_EQ((*points)[1].end, shared::FromUnixNanos(kStart + 120 * kSecond));
  EXPECT_EQ((*points)[1].counters.at("calls"), 4);
}

class StoreReadLogs : public StoreRead {
 protected:
  // Three files of two hosts; lines of random times around midnight in blocks that overlap; every
  // tenth an ERROR with a SQLSTATE, every 97th with a needle.
  void Fill() {
    std::mt19937_64 random(7);
    const LogFileWriter files[] = {LogFileWriter('a'), LogFileWriter('b'),
                                   LogFileWriter('c', pgvigil::v1::LOG_FORMAT_SYSLOG_FILE)};
    uint64_t offsets[3] = {0, 0, 0};
    uint64_t sequences[3] = {0, 0, 0};
    int line = 0;
    for (int64_t round = 0; round < 40; ++round) {
      const size_t file = random() % 3;
      const int agent = file == 2 ? 2 : 1;
      Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, agent, ++sequences[agent]);
      auto* chunk = files[file].Begin(batch, offsets[file]);
      for (int i = 0; i < 30; ++i, ++line) {
        const int64_t time =
            kStart + (round - 20) * 10 * kSecond + static_cast<int64_t>(random() % 30) * kSecond;
        const bool error = line % 10 == 0;
        auto* record =
            LogFileWriter::Append(chunk, time, error ? 17 : 9,
                                  fmt::format("line {}{}", line, line % 97 == 0 ? " NEEDLE" : ""));
        if (error) record->set_sqlstate("40P01");
        if (error) record->set_database(line % 20 == 0 ? "shop" : "other");
        record->set_pid(4711);
      }
      offsets[file] = chunk->end_offset();
      Store(std::move(batch));
    }
    lines_ = static_cast<size_t>(line);
  }

  // All rows of a question, page by page; checks the order.
  std::vector<collector::api::LogRow> All(LogQuery query) {
    std::vector<collector::api::LogRow> rows;
    do {
      Result<LogPage> page = reader().Logs(Context(), query);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return rows;
      EXPECT_LE(page->rows.size(), query.limit);
      for (auto& row : page->rows) {
        if (!rows.empty()) {
          EXPECT_TRUE(query.newest_first ? row.time_unix_nano <= rows.back().time_unix_nano
                                         : row.time_unix_nano >= rows.back().time_unix_nano);
        }
        rows.push_back(std::move(row));
      }
      query.cursor = page->next_cursor;
    } while (!query.cursor.empty());
    return rows;
  }
  static std::set<std::pair<std::string, uint64_t>> Names(
      const std::vector<collector::api::LogRow>& rows) {
    std::set<std::pair<std::string, uint64_t>> names;
    for (const auto& row : rows) names.emplace(row.file_id, row.offset);
    return names;
  }

  size_t lines_ = 0;
};

TEST_F(StoreReadLogs, PagesThroughEveryLineOnceInBothDirections) {
  Fill();
  for (const bool newest_first : {true, false}) {
    for (const size_t limit : {size_t{7}, size_t{100}, size_t{5000}}) {
      LogQuery query;
      query.range = Range(-86400, 86400);
      query.newest_first = newest_first;
      query.limit = limit;
      const auto rows = All(query);
      EXPECT_EQ(rows.size(), lines_);
      EXPECT_EQ(Names(rows).size(), lines_);
    }
  }
}

TEST_F(StoreReadLogs, FindsTheSameInEventsAndInBlocks) {
  Fill();
  const auto count = [&](auto change, bool newest_first = true) {
    LogQuery query;
    query.range = Range(-86400, 86400);
    query.limit = 11;
    query.newest_first = newest_first;
    change(query);
    return All(query).size();
  };
  const size_t errors = lines_ / 10;
  EXPECT_EQ(count([](LogQuery& query) { query.min_severity = 13; }), errors);
  EXPECT_EQ(count([](LogQuery& query) { query.min_severity = 13; }, false), errors);
  EXPECT_EQ(count([](LogQuery& query) { query.min_severity = 10; }), errors);  // from blocks
  EXPECT_EQ(count([](LogQuery& query) { query.sqlstate = "40P01"; }), errors);
  EXPECT_EQ(count([](LogQuery& query) { query.sqlstate = "57014"; }), 0u);
  EXPECT_EQ(count([](LogQuery& query) { query.database = "shop"; }), errors / 2);
  EXPECT_EQ(count([](LogQuery& query) {
              query.min_severity = 17;
              query.database = "shop";
            }),
            errors / 2);
  const size_t needles = (lines_ + 96) / 97;
  EXPECT_EQ(count([](LogQuery& query) { query.contains = "NEEDLE"; }), needles);
  EXPECT_EQ(count([](LogQuery& query) { query.contains = "needle"; }), 0u);
  const size_t of_db1 = count([](LogQuery& query) { query.host = "db-1"; });
  const size_t of_db2 = count([](LogQuery& query) { query.host = "key-2"; });
  EXPECT_GT(of_db1, 0u);
  EXPECT_GT(of_db2, 0u);
  EXPECT_EQ(of_db1 + of_db2, lines_);
  EXPECT_EQ(count([](LogQuery& query) { query.host = "nobody"; }), 0u);
  const size_t before = count([](LogQuery& query) { query.range = Range(-86400, 0); });
  const size_t after = count([](LogQuery& query) { query.range = Range(0, 86400); });
  EXPECT_GT(before, 0u);
  EXPECT_GT(after, 0u);
  EXPECT_EQ(before + after, lines_);
  LogQuery other_tenant;
  other_tenant.range = Range(-86400, 86400);
  EXPECT_TRUE(reader().Logs(Context(2), other_tenant)->rows.empty());
  other_tenant.min_severity = 17;
  EXPECT_TRUE(reader().Logs(Context(2), other_tenant)->rows.empty());
}

TEST_F(StoreReadLogs, ShowsTheSameRecordFromBlocksAndEvents) {
  Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, 1, 1);
  auto* record = LogFileWriter::Append(LogFileWriter('f').Begin(batch, 700), kStart + 123'456'789,
                                       17, "deadlock detected");
  record->set_sqlstate("40P01");
  record->set_pid(4'000'000'000u);
  record->set_database("shop");
  record->set_user("app");
  record->set_application_name("web");
  record->set_client("10.0.0.1:5555");
  record->set_query_id(-42);
  record->set_session_id("6123.1");
  record->set_line_num(3);
  record->set_backend_type("client backend");
  record->set_detail("Process 1 waits");
  record->set_hint("See server log");
  record->set_context("while locking");
  record->set_statement("UPDATE t SET x = $1");
  record->set_truncated(true);
  auto* attribute = record->add_attributes();
  attribute->set_name("k");
  attribute->set_value("v");
  Store(std::move(batch));
  LogQuery query;
  query.range = Range(0, 10);
  const auto from_blocks = reader().Logs(Context(), query)->rows;
  query.min_severity = 17;
  const auto from_events = reader().Logs(Context(), query)->rows;
  ASSERT_EQ(from_blocks.size(), 1u);
  ASSERT_EQ(from_events.size(), 1u);
  for (const auto* row : {&from_blocks[0], &from_events[0]}) {
    EXPECT_EQ(row->time_unix_nano, kStart + 123'456'789);
    EXPECT_EQ(row->host_name, "db-1");
    EXPECT_EQ(row->path, "/var/log/f.log");
    EXPECT_EQ(row->file_id, "66666666666666666666666666666666");
    EXPECT_EQ(row->offset, 700u);
    EXPECT_EQ(row->source, "postgres");
    EXPECT_EQ(row->severity_number, 17u);
    EXPECT_EQ(row->severity_text, "ERROR");
    EXPECT_EQ(row->body, "deadlock detected");
    EXPECT_EQ(row->fields.size(), 16u);
  }
  EXPECT_EQ(from_blocks[0].fields, from_events[0].fields);
}

TEST_F(StoreReadLogs, RefusesACursorThatIsNotOurs) {
  LogQuery query;
  query.range = Range(0, 10);
  query.cursor = "1-2-x-4";
  const auto page = reader().Logs(Context(), query);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(page.error().message, "cursor: '1-2-x-4' is not a next_cursor of an answer");
}

// Time passes with every look at the clock: a search runs into its deadline however fast it is.
class HastyClock final : public shared::Clock {
 public:
  [[nodiscard]] shared::WallTime Now() const override { return shared::FromUnixNanos(kStart); }
  [[nodiscard]] shared::MonotonicTime Monotonic() const override {
    return shared::MonotonicTime(std::chrono::milliseconds(250) * looks_++);
  }

 private:
  mutable std::atomic<int> looks_{0};
};

TEST_F(StoreReadLogs, SaysHowFarASearchCameInItsTime) {
  Fill();
  const HastyClock clock;
  collector::storage::Readiness readiness;
  readiness.Set({});
  collector::storage::ReaderOptions options;
  options.connect = server_.Options("pgvigil");
  options.connections = 1;
  options.newest_bytes = 0;
  collector::storage::Reader reader(options, clock, readiness, registry_);
  LogQuery query;
  query.range = Range(-86400, 86400);
  query.contains = "nowhere to be found";
  collector::api::QueryContext context;
  context.tenant = {1};
  context.deadline = clock.Monotonic() + std::chrono::seconds(8);
  const auto page = reader.Logs(context, query);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, ErrorCode::kTimeout);
  const std::string& message = page.error().message;
  EXPECT_TRUE(message.starts_with("the time limit passed after ")) << message;
  EXPECT_TRUE(message.ends_with(
      " with 0 of 100 rows found: narrow the question by time, host, severity or sqlstate, or ask "
      "for fewer rows"))
      << message;
  EXPECT_NE(message.find(" MiB) of logs, at 2026-01-01 00:0"), std::string::npos) << message;
}

TEST_F(StoreRead, AnswersAgainAtOnceAfterARestart) {
  ASSERT_TRUE(reader().Hosts(Context(), 10));
  server_.Stop();
  const auto away = reader().Hosts(Context(), 10);
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ErrorCode::kUnavailable);
  server_.Start();
  ASSERT_TRUE(reader().Hosts(Context(), 10));
  server_.Stop();
  server_.Start();
  const auto hosts = reader().Hosts(Context(), 10);  // its connection died while it lay idle
  EXPECT_TRUE(hosts) << hosts.error().message;
}

TEST_F(StoreRead, ReadsManyHostsInPieces) {
  const shared::model::Layout layout = MakeLayout(2);
  std::vector<std::future<Result<pgvigil::v1::BatchReply>>> replies;
  for (int agent = 1; agent <= 70; ++agent) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, agent, 1);
    AddLayout(batch, layout);
    AddBlock(batch, layout, MakeBlock(2, 6, kStart - 5 * kSecond, agent));
    AddBlock(batch, layout, MakeBlock(2, 6, kStart + 7200 * kSecond, agent));
    replies.push_back(SubmitAsync(*store_, std::move(batch)));
  }
  for (auto& reply : replies) ASSERT_TRUE(reply.get());
  const auto answer =
      reader().Samples(Context(), {"test.value", {}, {{"n", "1"}}}, Range(-3600, 86400), 100, 1000);
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->size(), 70u);
  for (const SeriesSamples& one : *answer) {
    ASSERT_EQ(one.samples.size(), 12u) << one.series.host_name;
    EXPECT_EQ("db-" + fmt::format("{}", one.samples[0].value - 1000), one.series.host_name);
  }
}

TEST_F(StoreRead, GivesUpAtTheDeadline) {
  collector::api::QueryContext context = Context();
  context.deadline = clock_.Monotonic() - std::chrono::seconds(1);
  const auto hosts = reader().Hosts(context, 10);
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace tests
