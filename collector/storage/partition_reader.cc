#include "collector/storage/partition_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

std::string NamesSql(const PartitionedTable& table) {
  return fmt::format(
      "/* pgvigil */ SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
      " WHERE i.inhparent = 'pgvigil.{}'::regclass",
      table.name);
}

// Partitions are known by our names; one that somebody named otherwise is not read.
std::vector<WallTime> ToStarts(const PartitionedTable& table, const Rows& names) {
  std::vector<WallTime> out;
  for (size_t row = 0; row < names.size(); ++row) {
    if (const auto partition = PartitionNamed(table, names.Text(row, 0))) {
      out.push_back(partition->from);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

Result<std::vector<WallTime>> ReadPartitionStarts(ReadSession& session,
                                                  const PartitionedTable& table,
                                                  const api::TimeRange& range) {
  ASSIGN_OR_RETURN(const Rows names, session.Query(NamesSql(table)));
  std::vector<WallTime> starts = ToStarts(table, names);
  std::erase_if(starts, [&](WallTime start) {
    return start >= range.to || PartitionOf(table, start).to <= range.from;
  });
  return starts;
}

Result<std::vector<WallTime>> ReadPartitionStarts(shared::postgres::Connection& connection,
                                                  const PartitionedTable& table) {
  ASSIGN_OR_RETURN(const Rows names, connection.Query(NamesSql(table)));
  return ToStarts(table, names);
}

}  // namespace collector::storage
