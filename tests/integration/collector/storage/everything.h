#pragma once

#include <cmath>
#include <string>

#include "tests/integration/collector/storage/store_fixture.h"
#include "tests/support/log_lines.h"

namespace tests {

// A store with something of every kind, up to its clock's now: of host "db-1" two hours of metrics
// at 10 s, two days of statements by the hour, an hour of logs with errors in them.
class Everything {
 public:
  Everything(Store& store, shared::WallTime now) : store_(store), now_(shared::ToUnixNanos(now)) {}

  void Put() {
    PutMetrics(now_ - 7200 * kSecond, 120);
    PutStatements();
    PutLogs();
  }

  // So many blocks of a minute, the first at `first`.
  void PutMetrics(int64_t first, int minutes) {
    const shared::model::Layout layout = MakeMetrics();
    const int64_t start = first - first % (60 * kSecond);
    for (int minute = 0; minute < minutes; ++minute) {
      pgvigil::v1::Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, ++metrics_sequence_);
      AddLayout(batch, layout);
      shared::model::Block block;
      block.series = static_cast<uint32_t>(layout.series.size());
      for (int tick = 0; tick < 6; ++tick) {
        block.times_unix_nano.push_back(start + (minute * 6 + tick) * 10 * kSecond);
      }
      for (uint32_t series = 0; series < block.series; ++series) {
        for (const int64_t time : block.times_unix_nano) {
          block.values.push_back(ValueAt(series, time));
        }
      }
      AddBlock(batch, layout, block);
      Send(std::move(batch));
    }
  }
  void GoOnAfter(uint64_t metrics_sequence) { metrics_sequence_ = metrics_sequence; }
  [[nodiscard]] uint64_t metrics_sequence() const { return metrics_sequence_; }

 private:
  static shared::model::Layout MakeMetrics() {
    using shared::model::MetricKind;
    shared::model::Layout layout;
    for (const char* state : {"used", "free"}) {
      layout.series.push_back(
          {"system.memory.usage", "By", MetricKind::kGauge, {{"system.memory.state", state}}});
    }
    for (const char* database : {"shop", "mail", "postgres"}) {
      layout.series.push_back({"postgresql.commits",
                               "{transaction}",
                               MetricKind::kCounter,
                               {{"postgresql.database.name", database}}});
    }
    layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
    return layout;
  }
  static double ValueAt(uint32_t series, int64_t time) {
    const auto seconds = static_cast<double>(time / kSecond);
    if (series < 2) return std::round(1e9 + 1e8 * std::sin(seconds / 600));
    return (seconds - 1.7e9) * series;
  }

  void PutStatements() {
    for (int hour = 47; hour >= 0; --hour) {
      pgvigil::v1::Batch batch =
          AgentBatch(pgvigil::v1::STREAM_STATEMENTS, 1, static_cast<uint64_t>(48 - hour));
      const auto describe = [](pgvigil::v1::PostgresInstance* instance) {
        instance->set_system_identifier(7123456789012345678);
        instance->set_port(5432);
        instance->set_name("main");
        instance->set_server_version_num(150018);
      };
      const int64_t end = now_ - hour * 3600 * kSecond - kSecond;
      auto* interval = batch.add_statements();
      describe(interval->mutable_instance());
      interval->set_start_unix_nano(static_cast<uint64_t>(end - 600 * kSecond));
      interval->set_end_unix_nano(static_cast<uint64_t>(end));
      for (int queryid = 1; queryid <= 3; ++queryid) {
        auto* delta = interval->add_deltas();
        delta->set_dbid(16384);
        delta->set_userid(10);
        delta->set_queryid(queryid);
        delta->set_toplevel(true);
        delta->set_kind(pgvigil::v1::DELTA_KIND_DIFFERENCE);
        delta->set_calls(10);
        delta->set_rows(100);
        delta->set_total_exec_time_ms(queryid * (hour < 24 ? 200 : 100));
      }
      auto* database = interval->add_databases();
      database->set_oid(16384);
      database->set_name("shop");
      auto* role = interval->add_roles();
      role->set_oid(10);
      role->set_name("app");
      auto* texts = batch.add_texts();
      describe(texts->mutable_instance());
      auto* text = texts->add_texts();
      text->set_dbid(16384);
      text->set_queryid(1);
      text->set_text("SELECT * FROM orders WHERE id = $1");
      text->set_fingerprint("\x01\x02\x03\x04\x05\x06\x07\xff");
      text->set_parsed(true);
      Send(std::move(batch));
    }
  }

  void PutLogs() {
    constexpr size_t kLines = 2'000;
    LogLines lines(LogLines::Source::kPostgres, 1, now_ - 3600 * kSecond,
                   3500 * kSecond / static_cast<int64_t>(kLines));
    for (uint64_t sequence = 1; sequence <= kLines / 500; ++sequence) {
      pgvigil::v1::Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, 1, sequence);
      auto* chunk =
          LogFileWriter('p', pgvigil::v1::LOG_FORMAT_POSTGRES_STDERR).Begin(batch, lines.offset());
      for (int i = 0; i < 500; ++i) lines.Next(*chunk->add_records());
      chunk->set_end_offset(lines.offset());
      Send(std::move(batch));
    }
  }

  void Send(pgvigil::v1::Batch batch) {
    const auto reply = Submit(store_, std::move(batch));
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->refusals_size(), 0) << reply->ShortDebugString();
  }

  Store& store_;
  const int64_t now_;
  uint64_t metrics_sequence_ = 0;
};

}  // namespace tests
