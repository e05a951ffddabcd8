#include "collector/storage/partition_reader.h"

#include <fmt/format.h>

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

// Partitions are known by our names; one that somebody named otherwise is not read.
std::string StartsSql(const PartitionedTable& table) {
  const bool hourly = table.step == PartitionStep::kHour;
  return fmt::format(
      "/* pgvigil */ SELECT {} FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
      " WHERE i.inhparent = 'pgvigil.{}'::regclass AND c.relname ~ '^{}_[0-9]{{8}}{}$' ORDER BY 1",
      EpochMicros(hourly ? "to_timestamp(right(c.relname, 11), 'YYYYMMDD_HH24')"
                         : "to_timestamp(right(c.relname, 8), 'YYYYMMDD')"),
      table.name, table.name, hourly ? "_[0-9]{2}" : "");
}

std::vector<WallTime> ToTimes(const Rows& rows) {
  std::vector<WallTime> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back(FromUnixMicros(rows.Int(row, 0).value_or(0)));
  }
  return out;
}

}  // namespace

Result<std::vector<WallTime>> ReadPartitionStarts(ReadSession& session,
                                                  const PartitionedTable& table,
                                                  const api::TimeRange& range) {
  ASSIGN_OR_RETURN(const Rows rows, session.Query(StartsSql(table)));
  std::vector<WallTime> starts;
  for (const WallTime start : ToTimes(rows)) {
    if (start < range.to && PartitionOf(table, start).to > range.from) starts.push_back(start);
  }
  return starts;
}

Result<std::vector<WallTime>> ReadPartitionStarts(shared::postgres::Connection& connection,
                                                  const PartitionedTable& table) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(StartsSql(table)));
  return ToTimes(rows);
}

}  // namespace collector::storage
