#include "collector/storage/dead_letter_table.h"

#include <fmt/format.h>

#include <string>

#include "collector/storage/session.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;

Result<std::vector<bus::DeadLetter>> DeadLetterTable::List(const bus::DeadLetterFilter& filter) {
  ASSIGN_OR_RETURN(Connection connection, OpenWriteSession(connect_, "dead letters"));
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(
          fmt::format("/* pgvigil */ SELECT id, topic, partition, \"offset\", reason, message,"
                      " tenant_id, agent_uuid, size_bytes, dead_topic, dead_partition,"
                      " dead_offset, {}, {} FROM pgvigil.dead_letter"
                      " WHERE id > $1 AND ($2 = '' OR reason = $2)"
                      " AND (replayed_at IS NULL OR NOT $3::bool) ORDER BY id LIMIT $4",
                      EpochMicros("at"), EpochMicros("replayed_at")),
          {std::to_string(filter.after_id), filter.reason, filter.waiting_only ? "t" : "f",
           std::to_string(filter.limit)}));
  std::vector<bus::DeadLetter> out;
  out.reserve(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    bus::DeadLetter& letter = out.emplace_back();
    letter.id = rows.Int(row, 0).value_or(0);
    letter.topic = rows.Text(row, 1);
    letter.partition = static_cast<int32_t>(rows.Int(row, 2).value_or(0));
    letter.offset = rows.Int(row, 3).value_or(0);
    letter.reason = rows.Text(row, 4);
    letter.message = rows.Text(row, 5);
    if (!rows.IsNull(row, 6)) letter.tenant = static_cast<int32_t>(rows.Int(row, 6).value_or(0));
    letter.agent = rows.Text(row, 7);
    letter.size_bytes = rows.Int(row, 8).value_or(0);
    letter.grave = {std::string(rows.Text(row, 9)),
                    static_cast<int32_t>(rows.Int(row, 10).value_or(0)),
                    rows.Int(row, 11).value_or(0)};
    letter.at = FromUnixMicros(rows.Int(row, 12).value_or(0));
    if (!rows.IsNull(row, 13)) letter.replayed_at = FromUnixMicros(rows.Int(row, 13).value_or(0));
  }
  return out;
}

Result<void> DeadLetterTable::MarkReplayed(int64_t id) {
  ASSIGN_OR_RETURN(Connection connection, OpenWriteSession(connect_, "dead letters"));
  RETURN_IF_ERROR(connection.Query(
      "/* pgvigil */ UPDATE pgvigil.dead_letter SET replayed_at = now() WHERE id = $1",
      {std::to_string(id)}));
  return {};
}

}  // namespace collector::storage
