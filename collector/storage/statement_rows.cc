#include "collector/storage/statement_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "collector/storage/statement_columns.h"
#include "collector/storage/statement_hours.h"
#include "shared/postgres/copy.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::CopyIn;

constexpr int16_t kKeyColumns = 9;

WallTime ToTime(uint64_t unix_nano) {
  return shared::FromUnixNanos(static_cast<int64_t>(unix_nano));
}

void PutOptionalTime(CopyIn& copy, uint64_t unix_nano) {
  if (unix_nano == 0) {
    copy.Null();
  } else {
    copy.Timestamptz(ToTime(unix_nano));
  }
}

int64_t Clamped(uint64_t value) {
  return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX));
}

Result<void> CopyIntervals(Connection& connection, std::span<const PlannedInterval> intervals) {
  ASSIGN_OR_RETURN(
      CopyIn copy,
      CopyIn::Begin(connection,
                    "COPY pgvigil.statement_interval (instance_id, interval_end, interval_start,"
                    " postmaster_start, stats_reset, evicted, partial, entries, entries_max)"
                    " FROM STDIN (FORMAT binary)"));
  for (const PlannedInterval& planned : intervals) {
    const pgvigil::v1::StatementInterval& interval = *planned.interval;
    copy.BeginRow(9);
    copy.Int4(planned.instance_id);
    copy.Timestamptz(ToTime(interval.end_unix_nano()));
    copy.Timestamptz(ToTime(interval.start_unix_nano()));
    PutOptionalTime(copy, interval.postmaster_start_unix_nano());
    PutOptionalTime(copy, interval.stats_reset_unix_nano());
    copy.Int8(Clamped(interval.evicted()));
    copy.Bool(interval.partial());
    copy.Int4(static_cast<int32_t>(interval.entries()));
    copy.Int4(static_cast<int32_t>(interval.entries_max()));
  }
  RETURN_IF_ERROR(copy.Finish());
  return {};
}

std::string DeltaCopySql() {
  std::string sql =
      "COPY pgvigil.statement_delta (instance_id, interval_end, interval_start, dbid, userid, "
      "queryid,"
      " toplevel, kind, since";
  for (const StatementColumn& column : kStatementColumns) {
    sql += ", ";
    sql += column.name;
  }
  return sql + ") FROM STDIN (FORMAT binary)";
}

void PutDelta(CopyIn& copy, const PlannedInterval& planned,
              const pgvigil::v1::StatementDelta& delta) {
  copy.BeginRow(static_cast<int16_t>(kKeyColumns + std::size(kStatementColumns)));
  copy.Int4(planned.instance_id);
  copy.Timestamptz(ToTime(planned.interval->end_unix_nano()));
  copy.Timestamptz(ToTime(planned.interval->start_unix_nano()));
  copy.Oid(delta.dbid());
  copy.Oid(delta.userid());
  copy.Int8(delta.queryid());
  copy.Bool(delta.toplevel());
  copy.Int2(static_cast<int16_t>(delta.kind()));
  PutOptionalTime(copy, delta.since_unix_nano());
  for (const StatementColumn& column : kStatementColumns) {
    if (column.count != nullptr) {
      copy.Int8(Clamped((delta.*column.count)()));
    } else {
      copy.Float8((delta.*column.time)());
    }
  }
}

}  // namespace

Result<void> CopyStatements(Connection& connection, std::span<const PlannedInterval> intervals,
                            WallTime now) {
  if (intervals.empty()) return {};
  RETURN_IF_ERROR(CopyIntervals(connection, intervals));
  RETURN_IF_ERROR(MarkLateHours(connection, intervals, now));
  const bool any = std::any_of(intervals.begin(), intervals.end(),
                               [](const auto& one) { return one.interval->deltas_size() > 0; });
  if (!any) return {};
  static const std::string sql = DeltaCopySql();
  ASSIGN_OR_RETURN(CopyIn copy, CopyIn::Begin(connection, sql));
  for (const PlannedInterval& planned : intervals) {
    for (const auto& delta : planned.interval->deltas()) PutDelta(copy, planned, delta);
  }
  RETURN_IF_ERROR(copy.Finish());
  return {};
}

}  // namespace collector::storage
