#include "collector/storage/statement_hours.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "collector/storage/lock_keys.h"
#include "collector/storage/sql_text.h"
#include "collector/storage/statement_columns.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Transaction;
using std::chrono::hours;

constexpr std::chrono::minutes kInterval{1};
// Fewer whole hours are not worth a second source.
constexpr hours kFewest{3};

WallTime HourOf(WallTime time) {
  return std::chrono::floor<hours>(time);
}

bool IsGauge(std::string_view column) {
  return column == "min_exec_time_ms" || column == "max_exec_time_ms" ||
         column == "mean_exec_time_ms" || column == "stddev_exec_time_ms";
}

// INSERT of the sums of one hour; $1 is null or the cluster.
std::string SumSql() {
  std::string names;
  std::string sums;
  for (const StatementColumn& column : kStatementColumns) {
    if (IsGauge(column.name)) continue;
    names += fmt::format(", {}", column.name);
    sums += column.count != nullptr ? fmt::format(", sum({})::int8", column.name)
                                    : fmt::format(", sum({})", column.name);
  }
  return fmt::format(
      "/* pgvigil statement_hours */ INSERT INTO pgvigil.statement_hour (instance_id, hour, dbid,"
      " userid, queryid, toplevel, intervals, min_exec_time_ms, max_exec_time_ms{})"
      " SELECT instance_id, $2::timestamptz, dbid, userid, queryid, toplevel, count(*),"
      " min(min_exec_time_ms) FILTER (WHERE calls > 0),"
      " max(max_exec_time_ms) FILTER (WHERE calls > 0){} FROM pgvigil.statement_delta"
      " WHERE interval_end >= $2::timestamptz AND interval_end < $3::timestamptz"
      " AND ($1::int4 IS NULL OR instance_id = $1::int4)"
      " GROUP BY instance_id, dbid, userid, queryid, toplevel",
      names, sums);
}

// Sums one hour up, of one cluster or of all, in the caller's transaction.
Result<void> SumHour(Connection& connection, const shared::postgres::Parameter& instance,
                     WallTime hour) {
  static const std::string sql = SumSql();
  const std::string from = FormatTimestamp(hour);
  RETURN_IF_ERROR(
      connection.Query("DELETE FROM pgvigil.statement_hour WHERE hour = $1::timestamptz"
                       " AND ($2::int4 IS NULL OR instance_id = $2::int4)",
                       {from, instance}));
  RETURN_IF_ERROR(connection.Query(sql, {instance, from, FormatTimestamp(hour + hours(1))}));
  RETURN_IF_ERROR(
      connection.Query("DELETE FROM pgvigil.statement_hour_stale WHERE hour = $1::timestamptz"
                       " AND ($2::int4 IS NULL OR instance_id = $2::int4)",
                       {from, instance}));
  return {};
}

Result<Transaction> BeginExclusive(Connection& connection) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  RETURN_IF_ERROR(
      connection.Query("SELECT pg_advisory_xact_lock($1)", {std::to_string(kStatementHourLock)}));
  return transaction;
}

}  // namespace

Result<void> MarkLateHours(Connection& connection, std::span<const PlannedInterval> intervals,
                           WallTime now) {
  ArrayText instances;
  ArrayText late_hours;
  bool any = false;
  for (const PlannedInterval& planned : intervals) {
    const WallTime hour =
        HourOf(shared::FromUnixNanos(static_cast<int64_t>(planned.interval->end_unix_nano())));
    if (hour + hours(1) > now - kStatementLateAfter) continue;
    any = true;
    instances.Add(int64_t{planned.instance_id});
    late_hours.Add(std::string_view(FormatTimestamp(hour)));
  }
  if (!any) return {};
  RETURN_IF_ERROR(connection.Query("SELECT pg_advisory_xact_lock_shared($1)",
                                   {std::to_string(kStatementHourLock)}));
  RETURN_IF_ERROR(connection.Query(
      "INSERT INTO pgvigil.statement_hour_stale (instance_id, hour)"
      " SELECT DISTINCT l.instance_id, l.hour FROM unnest($1::int4[], $2::timestamptz[])"
      " AS l (instance_id, hour), pgvigil.statement_hour_progress p WHERE l.hour < p.done_until"
      " ON CONFLICT DO NOTHING",
      {instances.Take(), late_hours.Take()}));
  return {};
}

Result<std::chrono::milliseconds> StatementHours::Run(Connection& connection, WallTime now,
                                                      std::stop_token) {
  ASSIGN_OR_RETURN(const bool stale, SumStale(connection, now));
  ASSIGN_OR_RETURN(const bool next, SumNext(connection, now));
  return stale || next ? std::chrono::milliseconds(0) : kInterval;
}

Result<bool> StatementHours::SumStale(Connection& connection, WallTime now) {
  // What is too old to be summed up again is forgotten, for its intervals are gone.
  RETURN_IF_ERROR(
      connection.Query("DELETE FROM pgvigil.statement_hour_stale WHERE hour < $1::timestamptz",
                       {FormatTimestamp(now - keep_)}));
  ASSIGN_OR_RETURN(const Rows stale,
                   connection.Query("SELECT instance_id, (extract(epoch FROM hour) * 1000000)::int8"
                                    " FROM pgvigil.statement_hour_stale ORDER BY hour LIMIT 1"));
  if (stale.size() == 0) return false;
  const WallTime hour = FromUnixMicros(stale.Int(0, 1).value_or(0));
  RETURN_IF_ERROR(partitions_.Ensure(connection, {PartitionOf(kStatementHourTable, hour)}));
  ASSIGN_OR_RETURN(Transaction transaction, BeginExclusive(connection));
  RETURN_IF_ERROR(SumHour(connection, std::string(stale.Text(0, 0)), hour));
  RETURN_IF_ERROR(transaction.Commit());
  return true;
}

Result<bool> StatementHours::SumNext(Connection& connection, WallTime now) {
  const WallTime until = HourOf(now - kStatementSettle);  // hours that end here or before are due
  ASSIGN_OR_RETURN(const Rows progress,
                   connection.Query("SELECT (extract(epoch FROM done_until) * 1000000)::int8"
                                    " FROM pgvigil.statement_hour_progress"));
  if (progress.size() == 0) {
    return shared::Fail(shared::ErrorCode::kInternal,
                        "pgvigil.statement_hour_progress has lost its row");
  }
  const WallTime done = FromUnixMicros(progress.Int(0, 0).value_or(0));
  if (done >= until) return false;
  // The next hour with data, for there may be none for years. Literals prune partitions.
  ASSIGN_OR_RETURN(
      const Rows next,
      connection.Query(fmt::format("SELECT (extract(epoch FROM min(interval_end)) * 1000000)::int8"
                                   " FROM pgvigil.statement_interval WHERE interval_end >= '{}'"
                                   " AND interval_end < '{}'",
                                   FormatTimestamp(done), FormatTimestamp(until))));
  const WallTime hour =
      next.IsNull(0, 0) ? until : HourOf(FromUnixMicros(next.Int(0, 0).value_or(0)));
  const bool any = hour < until;
  if (any) {
    RETURN_IF_ERROR(partitions_.Ensure(connection, {PartitionOf(kStatementHourTable, hour)}));
  }
  ASSIGN_OR_RETURN(Transaction transaction, BeginExclusive(connection));
  if (any) RETURN_IF_ERROR(SumHour(connection, std::nullopt, hour));
  RETURN_IF_ERROR(
      connection.Query("UPDATE pgvigil.statement_hour_progress SET done_until = $1::timestamptz",
                       {FormatTimestamp(any ? hour + hours(1) : until)}));
  RETURN_IF_ERROR(transaction.Commit());
  return any;
}

Result<StatementSource> ChooseStatementSource(ReadSession& session, const std::string& instances,
                                              const api::TimeRange& range) {
  const auto between = [](std::string_view column, WallTime from, WallTime to) {
    return fmt::format("d.{0} >= '{1}'::timestamptz AND d.{0} < '{2}'::timestamptz", column,
                       FormatTimestampUp(from), FormatTimestampUp(to));
  };
  const StatementSource all{between("interval_end", range.from, range.to), ""};
  const WallTime first = std::chrono::ceil<hours>(range.from);
  const WallTime last = HourOf(range.to);
  if (last - first < kFewest) return all;
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query(fmt::format("/* pgvigil statements */ SELECT (extract(epoch FROM done_until)"
                                " * 1000000)::int8, ARRAY(SELECT DISTINCT (extract(epoch FROM hour)"
                                " * 1000000)::int8 FROM pgvigil.statement_hour_stale d"
                                " WHERE instance_id = ANY ($1::int4[]) AND {})"
                                " FROM pgvigil.statement_hour_progress",
                                between("hour", first, last)),
                    {instances}));
  if (rows.size() == 0) return all;
  const WallTime end = std::min(last, FromUnixMicros(rows.Int(0, 0).value_or(0)));
  if (end - first < kFewest) return all;
  // Stale hours are few and soon mended: with one in the way the intervals answer.
  if (rows.Text(0, 1) != "{}") return all;
  StatementSource source;
  source.interval_condition = fmt::format("({} OR {})", between("interval_end", range.from, first),
                                          between("interval_end", end, range.to));
  source.hour_condition = between("hour", first, end);
  return source;
}

}  // namespace collector::storage
