#include "collector/storage/statement_hours.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "collector/storage/sql_text.h"
#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using collector::api::StatementRow;
using collector::storage::PartitionKeeper;
using collector::storage::StatementHours;
using pgvigil::v1::Batch;
using shared::postgres::Connection;
using std::chrono::hours;
using std::chrono::minutes;

class StatementHoursTest : public StoreTest {
 protected:
  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    clock_.Advance(hours(240));  // ten days of room behind
    store_ = OpenStore(clock_);
    connection_.emplace(server_.Connect("pgvigil"));
    ASSERT_TRUE(connection_->Execute("SET TimeZone = 'UTC'"));
  }

  // One interval of ten minutes of cluster `instance` that ends at `end`, with random counters.
  Batch Interval(uint32_t instance, shared::WallTime end) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_STATEMENTS, 1, ++sequence_);
    pgvigil::v1::StatementInterval* interval = batch.add_statements();
    interval->mutable_instance()->set_system_identifier(instance);
    interval->mutable_instance()->set_port(5432);
    interval->mutable_instance()->set_name("main");
    interval->set_start_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(end - minutes(10))));
    interval->set_end_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(end)));
    for (int queryid = 1; queryid <= 4; ++queryid) {
      pgvigil::v1::StatementDelta* delta = interval->add_deltas();
      delta->set_dbid(16384);
      delta->set_userid(10);
      delta->set_queryid(queryid);
      delta->set_toplevel(true);
      delta->set_kind(pgvigil::v1::DELTA_KIND_DIFFERENCE);
      delta->set_calls(random_() % 3);
      delta->set_rows(random_() % 1000);
      delta->set_total_exec_time_ms(static_cast<double>(random_() % 4096) / 8);
      delta->set_min_exec_time_ms(static_cast<double>(random_() % 100));
      delta->set_max_exec_time_ms(static_cast<double>(100 + random_() % 100));
    }
    return batch;
  }

  void Store(uint32_t instance, shared::WallTime end) {
    const auto reply = Submit(*store_, Interval(instance, end));
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->refusals_size(), 0);
  }

  // Runs the chore until it has no more to do.
  void SumUp() {
    StatementHours chore(keeper_, hours(24 * 400));
    while (true) {
      const auto pause = chore.Run(*connection_, clock_.Now(), std::stop_token());
      ASSERT_TRUE(pause) << pause.error().message;
      if (pause->count() > 0) return;
    }
  }

  // Every statement of the range with its counters, as text.
  std::vector<std::string> Answer(shared::WallTime from, shared::WallTime to) {
    collector::api::StatementQuery query;
    query.range = {from, to};
    query.limit = 100;
    const auto rows = store_->reader().TopStatements(Context(), query);
    EXPECT_TRUE(rows) << rows.error().message;
    std::vector<std::string> out;
    for (const StatementRow& row : rows.value_or(std::vector<StatementRow>())) {
      out.push_back(fmt::format("{} {}: {} calls, {} rows, {} ms, {} to {} ms", row.instance,
                                row.queryid, row.counters.at("calls"), row.counters.at("rows"),
                                row.counters.at("total_exec_time_ms"), row.min_exec_time_ms,
                                row.max_exec_time_ms));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  std::optional<Connection> connection_;
  PartitionKeeper keeper_;
  std::mt19937 random_{20261121};
  uint64_t sequence_ = 0;
};

TEST_F(StatementHoursTest, ChangeNoAnswer) {
  const shared::WallTime now = clock_.Now();
  for (minutes age(0); age < hours(30); age += minutes(10)) {
    Store(1 + static_cast<uint32_t>(random_() % 2), now - age);
  }
  std::vector<collector::api::TimeRange> ranges = {{now - hours(40), now + hours(1)}};
  for (int i = 0; i < 12; ++i) {
    const auto from = now - minutes(random_() % 1800);
    ranges.push_back({from, from + minutes(random_() % 1800)});
  }
  std::vector<std::vector<std::string>> before;
  for (const auto& range : ranges) before.push_back(Answer(range.from, range.to));
  SumUp();
  ASSERT_NE(Ask("SELECT count(*) FROM pgvigil.statement_hour"), "0");
  // Answers come from the hours: without the intervals of those they stay the same.
  for (size_t i = 0; i < ranges.size(); ++i) {
    EXPECT_EQ(Answer(ranges[i].from, ranges[i].to), before[i]) << "range " << i;
  }
  const auto all = Answer(ranges[0].from, ranges[0].to);
  ASSERT_TRUE(connection_->Query("DELETE FROM pgvigil.statement_delta WHERE interval_end < $1",
                                 {collector::storage::FormatTimestamp(now - hours(3))}));
  EXPECT_EQ(Answer(ranges[0].from, ranges[0].to), all);
}

TEST_F(StatementHoursTest, CountWhatComesLate) {
  const shared::WallTime now = clock_.Now();
  for (hours age(0); age < hours(12); age += hours(1)) Store(1, now - age - minutes(30));
  SumUp();
  Store(1, now - hours(8) - minutes(5));
  Store(2, now - hours(7) - minutes(5));  // a cluster that had nothing in that hour
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.statement_hour_stale"), "2");
  const auto before = Answer(now - hours(20), now);
  SumUp();
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.statement_hour_stale"), "0");
  EXPECT_EQ(Answer(now - hours(20), now), before);
  EXPECT_EQ(Ask("SELECT sum(intervals) FROM pgvigil.statement_hour"), "52");  // 13 × 4 statements
}

TEST_F(StatementHoursTest, LeaveTheRunningHourAlone) {
  Store(1, clock_.Now() - minutes(20));
  Store(1, clock_.Now());
  SumUp();
  EXPECT_EQ(Ask("SELECT done_until = date_trunc('hour', to_timestamp(" +
                std::to_string(shared::ToUnixNanos(clock_.Now() - minutes(10)) / kSecond) +
                ")) FROM pgvigil.statement_hour_progress"),
            "t");
}

}  // namespace
}  // namespace tests
