#include "collector/storage/compaction/compaction_state.h"

#include <fmt/format.h>

#include "collector/storage/lock_keys.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;

// Literal bounds: partitions are pruned when the statement is planned.
std::string Windows(shared::WallTime from, shared::WallTime to) {
  return fmt::format("pgvigil.uncompacted_windows('{}', '{}')", FormatTimestamp(from),
                     FormatTimestamp(to));
}

}  // namespace

Result<std::vector<UncompactedWindow>> ReadUncompactedWindows(Connection& connection,
                                                              shared::WallTime from,
                                                              shared::WallTime to) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.QueryBinary(fmt::format(
                       "/* pgvigil */ SELECT host_id, window_start, compacted_blocks IS NULL"
                       " FROM {} ORDER BY window_start, host_id",
                       Windows(from, to))));
  std::vector<UncompactedWindow> out;
  out.reserve(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({rows.Int4(row, 0), FromUnixMicros(rows.UnixMicros(row, 1)),
                   rows.Text(row, 2) == std::string_view("\0", 1)});
  }
  return out;
}

Result<bool> IsCompacted(Connection& connection, shared::WallTime from, shared::WallTime to) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(fmt::format("/* pgvigil */ SELECT NOT EXISTS (SELECT FROM {})",
                                                Windows(from, to))));
  return rows.Bool(0, 0) == true;
}

// As pgvigil.uncompacted_windows, which asks pgvigil.block.
Result<bool> IsTableCompacted(Connection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(fmt::format(
          "/* pgvigil */ SELECT NOT EXISTS (SELECT FROM ("
          " SELECT b.host_id, date_bin('10 minutes', b.first_time, '2000-01-01 00:00:00+00') AS"
          " window_start, count(*) AS blocks,"
          " bit_xor(pgvigil.block_fingerprint(b.layout_id, b.first_time)) AS fingerprint"
          " FROM pgvigil.{} b GROUP BY 1, 2) AS found"
          " LEFT JOIN pgvigil.compacted_window c USING (host_id, window_start)"
          " WHERE (c.blocks, c.fingerprint) IS DISTINCT FROM (found.blocks, found.fingerprint))",
          table)));
  return rows.Bool(0, 0) == true;
}

Result<bool> IsMerged(Connection& connection, shared::WallTime from, shared::WallTime to) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(fmt::format("/* pgvigil */ SELECT NOT EXISTS (SELECT FROM"
                                                " pgvigil.chunk_minutes WHERE window_start >= '{}'"
                                                " AND window_start < '{}')",
                                                FormatTimestamp(from), FormatTimestamp(to))));
  return rows.Bool(0, 0) == true;
}

Result<bool> IsTableEmpty(Connection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(fmt::format(
                       "/* pgvigil */ SELECT NOT EXISTS (SELECT FROM pgvigil.{})", table)));
  return rows.Bool(0, 0) == true;
}

Result<void> LockChunks(Connection& connection) {
  RETURN_IF_ERROR(
      connection.Query("/* pgvigil */ SELECT pg_advisory_xact_lock($1),"
                       " set_config('synchronous_commit', 'off', true)",
                       {std::to_string(kCompactionLock)}));
  return {};
}

}  // namespace collector::storage
