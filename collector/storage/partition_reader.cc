#include "collector/storage/partition_reader.h"

#include <fmt/format.h>

#include "collector/storage/sql_text.h"

namespace collector::storage {

shared::Result<std::vector<shared::WallTime>> ReadPartitionStarts(ReadSession& session,
                                                                  const PartitionedTable& table,
                                                                  const api::TimeRange& range) {
  const bool hourly = table.step == PartitionStep::kHour;
  // Partitions are known by our names; one that somebody named otherwise is not read.
  const std::string sql = fmt::format(
      "/* pgvigil */ SELECT {} FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
      " WHERE i.inhparent = 'pgvigil.{}'::regclass AND c.relname ~ '^{}_[0-9]{{8}}{}$' ORDER BY 1",
      EpochMicros(hourly ? "to_timestamp(right(c.relname, 11), 'YYYYMMDD_HH24')"
                         : "to_timestamp(right(c.relname, 8), 'YYYYMMDD')"),
      table.name, table.name, hourly ? "_[0-9]{2}" : "");
  ASSIGN_OR_RETURN(const shared::postgres::Rows rows, session.Query(sql));
  std::vector<shared::WallTime> starts;
  for (size_t row = 0; row < rows.size(); ++row) {
    const shared::WallTime start = FromUnixMicros(rows.Int(row, 0).value_or(0));
    if (start < range.to && PartitionOf(table, start).to > range.from) starts.push_back(start);
  }
  return starts;
}

}  // namespace collector::storage
