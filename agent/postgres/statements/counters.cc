#include "agent/postgres/statements/counters.h"

#include <array>

#include "shared/postgres/connection.h"

namespace agent::postgres::statements {
namespace {

using Delta = pgvigil::v1::StatementDelta;

constexpr Column Count(std::string_view name, int since, uint64_t Counters::*member,
                       void (Delta::*set)(uint64_t)) {
  return {name, since, "", ColumnKind::kCount, member, nullptr, set, nullptr};
}
constexpr Column Time(std::string_view name, int since, double Counters::*member,
                      void (Delta::*set)(double), std::string_view old_name = "") {
  return {name, since, old_name, ColumnKind::kTime, nullptr, member, nullptr, set};
}
constexpr Column Gauge(std::string_view name, double Counters::*member,
                       void (Delta::*set)(double)) {
  return {name, kOldestExtension, "", ColumnKind::kGauge, nullptr, member, nullptr, set};
}

// contrib/pg_stat_statements/pg_stat_statements--*.sql: what appeared in which version.
// clang-format off
constexpr std::array kColumns = {
    Count("calls", 8, &Counters::calls, &Delta::set_calls),
    Count("rows", 8, &Counters::rows, &Delta::set_rows),
    Time("total_exec_time", 8, &Counters::total_exec_time, &Delta::set_total_exec_time_ms),
    Gauge("min_exec_time", &Counters::min_exec_time, &Delta::set_min_exec_time_ms),
    Gauge("max_exec_time", &Counters::max_exec_time, &Delta::set_max_exec_time_ms),
    Gauge("mean_exec_time", &Counters::mean_exec_time, &Delta::set_mean_exec_time_ms),
    Gauge("stddev_exec_time", &Counters::stddev_exec_time, &Delta::set_stddev_exec_time_ms),
    Count("plans", 8, &Counters::plans, &Delta::set_plans),
    Time("total_plan_time", 8, &Counters::total_plan_time, &Delta::set_total_plan_time_ms),
    Count("shared_blks_hit", 8, &Counters::shared_blks_hit, &Delta::set_shared_blks_hit),
    Count("shared_blks_read", 8, &Counters::shared_blks_read, &Delta::set_shared_blks_read),
    Count("shared_blks_dirtied", 8, &Counters::shared_blks_dirtied, &Delta::set_shared_blks_dirtied),
    Count("shared_blks_written", 8, &Counters::shared_blks_written, &Delta::set_shared_blks_written),
    Count("local_blks_hit", 8, &Counters::local_blks_hit, &Delta::set_local_blks_hit),
    Count("local_blks_read", 8, &Counters::local_blks_read, &Delta::set_local_blks_read),
    Count("local_blks_dirtied", 8, &Counters::local_blks_dirtied, &Delta::set_local_blks_dirtied),
    Count("local_blks_written", 8, &Counters::local_blks_written, &Delta::set_local_blks_written),
    Count("temp_blks_read", 8, &Counters::temp_blks_read, &Delta::set_temp_blks_read),
    Count("temp_blks_written", 8, &Counters::temp_blks_written, &Delta::set_temp_blks_written),
    Time("shared_blk_read_time", 11, &Counters::shared_blk_read_time, &Delta::set_shared_blk_read_time_ms, "blk_read_time"),
    Time("shared_blk_write_time", 11, &Counters::shared_blk_write_time, &Delta::set_shared_blk_write_time_ms, "blk_write_time"),
    Time("local_blk_read_time", 11, &Counters::local_blk_read_time, &Delta::set_local_blk_read_time_ms),
    Time("local_blk_write_time", 11, &Counters::local_blk_write_time, &Delta::set_local_blk_write_time_ms),
    Time("temp_blk_read_time", 10, &Counters::temp_blk_read_time, &Delta::set_temp_blk_read_time_ms),
    Time("temp_blk_write_time", 10, &Counters::temp_blk_write_time, &Delta::set_temp_blk_write_time_ms),
    Count("wal_records", 8, &Counters::wal_records, &Delta::set_wal_records),
    Count("wal_fpi", 8, &Counters::wal_fpi, &Delta::set_wal_fpi),
    Count("wal_bytes", 8, &Counters::wal_bytes, &Delta::set_wal_bytes),
    Count("wal_buffers_full", 12, &Counters::wal_buffers_full, &Delta::set_wal_buffers_full),
    Count("jit_functions", 10, &Counters::jit_functions, &Delta::set_jit_functions),
    Time("jit_generation_time", 10, &Counters::jit_generation_time, &Delta::set_jit_generation_time_ms),
    Count("jit_inlining_count", 10, &Counters::jit_inlining_count, &Delta::set_jit_inlining_count),
    Time("jit_inlining_time", 10, &Counters::jit_inlining_time, &Delta::set_jit_inlining_time_ms),
    Count("jit_optimization_count", 10, &Counters::jit_optimization_count, &Delta::set_jit_optimization_count),
    Time("jit_optimization_time", 10, &Counters::jit_optimization_time, &Delta::set_jit_optimization_time_ms),
    Count("jit_emission_count", 10, &Counters::jit_emission_count, &Delta::set_jit_emission_count),
    Time("jit_emission_time", 10, &Counters::jit_emission_time, &Delta::set_jit_emission_time_ms),
    Count("jit_deform_count", 11, &Counters::jit_deform_count, &Delta::set_jit_deform_count),
    Time("jit_deform_time", 11, &Counters::jit_deform_time, &Delta::set_jit_deform_time_ms),
    Count("parallel_workers_to_launch", 12, &Counters::parallel_workers_to_launch, &Delta::set_parallel_workers_to_launch),
    Count("parallel_workers_launched", 12, &Counters::parallel_workers_launched, &Delta::set_parallel_workers_launched),
};
// clang-format on

static_assert(sizeof(Counters) == kColumns.size() * 8, "every member has its column");

}  // namespace

std::span<const Column> Columns() {
  return kColumns;
}

std::string_view ColumnName(const Column& column, int extension) {
  return extension >= column.since ? column.name : column.old_name;
}

ColumnSet ColumnsOf(int extension) {
  ColumnSet set = 0;
  for (size_t i = 0; i < kColumns.size(); ++i) {
    if (!ColumnName(kColumns[i], extension).empty()) set |= ColumnSet{1} << i;
  }
  return set;
}

std::string CountersSql(int extension, std::string_view schema) {
  std::string sql = "/* pgvigil: statement counters */ SELECT ROW(s.dbid, s.userid, s.queryid";
  sql += extension >= kExtensionWithToplevel ? ", s.toplevel" : ", true";
  sql += extension >= kExtensionWithStatsSince
             ? ", (extract(epoch FROM s.stats_since) * 1000000)::bigint"
             : ", NULL";
  for (const Column& column : kColumns) {
    const std::string_view name = ColumnName(column, extension);
    if (name.empty()) continue;
    sql += ", s.";
    sql += name;
  }
  sql += ")::text FROM ";
  sql += shared::postgres::QuoteIdentifier(schema);
  sql += ".pg_stat_statements(false) AS s";
  return sql;
}

}  // namespace agent::postgres::statements
