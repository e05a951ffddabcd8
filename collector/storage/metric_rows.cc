#include "collector/storage/metric_rows.h"

#include <fmt/format.h>

#include "shared/postgres/copy.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::CopyIn;
using shared::postgres::Rows;

constexpr int16_t kFormat = 1;  // shared/wire/block_codec.h

Result<void> CopyInto(Connection& connection, std::string_view table,
                      std::span<const BlockRow> rows) {
  ASSIGN_OR_RETURN(CopyIn copy,
                   CopyIn::Begin(connection, fmt::format("COPY {} (host_id, layout_id, first_time,"
                                                         " last_time, ticks, format, data)"
                                                         " FROM STDIN (FORMAT binary)",
                                                         table)));
  for (const BlockRow& row : rows) {
    const pgvigil::v1::MetricBlock& block = *row.planned.block;
    copy.BeginRow(7);
    copy.Int4(row.host.value);
    copy.Int8(row.planned.layout_id);
    copy.Timestamptz(shared::FromUnixNanos(static_cast<int64_t>(block.first_unix_nano())));
    copy.Timestamptz(shared::FromUnixNanos(static_cast<int64_t>(block.last_unix_nano())));
    copy.Int2(static_cast<int16_t>(block.ticks()));
    copy.Int2(kFormat);
    copy.Bytea(block.payload());
  }
  RETURN_IF_ERROR(copy.Finish());
  return {};
}

}  // namespace

Result<void> CopyBlocks(Connection& connection, std::span<const BlockRow> rows) {
  if (rows.empty()) return {};
  return CopyInto(connection, "pgvigil.block", rows);
}

Result<uint64_t> CopyBlocksThatAreNew(Connection& connection, std::span<const BlockRow> rows) {
  if (rows.empty()) return 0;
  RETURN_IF_ERROR(
      connection.Execute("CREATE TEMPORARY TABLE IF NOT EXISTS block_staging"
                         " (LIKE pgvigil.block INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"));
  RETURN_IF_ERROR(CopyInto(connection, "pg_temp.block_staging", rows));
  ASSIGN_OR_RETURN(const Rows inserted,
                   connection.Query("INSERT INTO pgvigil.block SELECT * FROM pg_temp.block_staging"
                                    " ON CONFLICT DO NOTHING"));
  return rows.size() - inserted.affected();
}

}  // namespace collector::storage
