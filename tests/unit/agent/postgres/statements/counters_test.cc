#include "agent/postgres/statements/counters.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "agent/postgres/statements/round.h"

namespace agent::postgres::statements {
namespace {

TEST(Columns, HaveTheNamesOfEachExtensionVersion) {
  const auto names = [](int extension) {
    std::set<std::string_view> out;
    for (const Column& column : Columns()) out.insert(ColumnName(column, extension));
    return out;
  };
  const auto has = [&](int extension, std::string_view name) {
    return names(extension).count(name) == 1;
  };
  EXPECT_TRUE(has(8, "blk_read_time"));
  EXPECT_TRUE(has(10, "blk_read_time"));
  EXPECT_FALSE(has(11, "blk_read_time"));
  EXPECT_FALSE(has(10, "shared_blk_read_time"));
  EXPECT_TRUE(has(11, "shared_blk_read_time"));
  EXPECT_FALSE(has(9, "temp_blk_read_time"));
  EXPECT_TRUE(has(10, "temp_blk_read_time"));
  EXPECT_FALSE(has(10, "jit_deform_count"));
  EXPECT_TRUE(has(11, "jit_deform_count"));
  EXPECT_FALSE(has(11, "parallel_workers_launched"));
  EXPECT_TRUE(has(12, "parallel_workers_launched"));
  EXPECT_TRUE(has(13, "wal_buffers_full"));
}

TEST(ColumnsOf, GrowsWithTheVersion) {
  for (int extension = kOldestExtension; extension < 13; ++extension) {
    EXPECT_EQ(ColumnsOf(extension) & ~ColumnsOf(extension + 1), 0u) << extension;
  }
  EXPECT_EQ(ColumnsOf(12), (ColumnSet{1} << Columns().size()) - 1);
}

TEST(CountersSql, ReadsEverythingWithoutTexts) {
  const std::string sql = CountersSql(10, "my \"schema\"");
  EXPECT_NE(sql.find("FROM \"my \"\"schema\"\"\".pg_stat_statements(false) AS s"),
            std::string::npos)
      << sql;
  EXPECT_NE(sql.find("ROW(s.dbid, s.userid, s.queryid, s.toplevel, NULL, s.calls, s.rows, "),
            std::string::npos)
      << sql;
  EXPECT_EQ(sql.find("WHERE"), std::string::npos);
  EXPECT_EQ(sql.find("LIMIT"), std::string::npos);
  EXPECT_EQ(sql.find("s.query,"), std::string::npos);
}

TEST(CountersSql, FollowsTheExtensionNotTheServer) {
  EXPECT_NE(CountersSql(8, "public").find("s.queryid, true, NULL, s.calls"), std::string::npos);
  EXPECT_NE(CountersSql(11, "public").find("(extract(epoch FROM s.stats_since) * 1000000)::bigint"),
            std::string::npos);
}

TEST(FillDelta, BringsEveryColumnToTheWire) {
  // Each counter another number, each must come out; the wire's message tells them apart.
  EntryDelta delta;
  delta.key = {.dbid = 1, .userid = 2, .queryid = -3, .toplevel = true};
  delta.kind = DeltaKind::kReincarnated;
  delta.since = shared::FromUnixNanos(1'000);
  uint64_t number = 100;
  for (const Column& column : Columns()) {
    if (column.count != nullptr) {
      delta.counters.*column.count = ++number;
    } else {
      delta.counters.*column.real = static_cast<double>(++number);
    }
  }
  pgvigil::v1::StatementDelta wire;
  FillDelta(delta, wire);
  EXPECT_EQ(wire.dbid(), 1u);
  EXPECT_EQ(wire.userid(), 2u);
  EXPECT_EQ(wire.queryid(), -3);
  EXPECT_TRUE(wire.toplevel());
  EXPECT_EQ(wire.kind(), pgvigil::v1::DELTA_KIND_REINCARNATED);
  EXPECT_EQ(wire.since_unix_nano(), 1'000u);
  EXPECT_EQ(wire.calls(), 101u);
  EXPECT_EQ(wire.rows(), 102u);
  EXPECT_EQ(wire.total_exec_time_ms(), 103);
  EXPECT_EQ(wire.plans(), 108u);
  EXPECT_EQ(wire.shared_blks_hit(), 110u);
  EXPECT_EQ(wire.temp_blks_written(), 119u);
  EXPECT_EQ(wire.shared_blk_read_time_ms(), 120);
  EXPECT_EQ(wire.temp_blk_write_time_ms(), 125);
  EXPECT_EQ(wire.wal_bytes(), 128u);
  EXPECT_EQ(wire.jit_functions(), 130u);
  EXPECT_EQ(wire.jit_deform_time_ms(), 139);
  EXPECT_EQ(wire.parallel_workers_launched(), 141u);
}

}  // namespace
}  // namespace agent::postgres::statements
