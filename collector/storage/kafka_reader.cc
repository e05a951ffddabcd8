#include "collector/storage/kafka_reader.h"

#include <fmt/format.h>

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Rows;

std::optional<shared::WallTime> TimeAt(const Rows& rows, size_t row, size_t column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return FromUnixMicros(rows.Int(row, column).value_or(0));
}

}  // namespace

Result<std::vector<api::KafkaPositionRow>> ReadKafkaPositions(ReadSession& session) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query(fmt::format("/* pgvigil kafka */ SELECT topic, partition, next_offset, owner,"
                                " {}, recreations, expired FROM pgvigil.kafka_position"
                                " ORDER BY topic, partition",
                                EpochMicros("updated_at"))));
  std::vector<api::KafkaPositionRow> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({std::string(rows.Text(row, 0)),
                   static_cast<int32_t>(rows.Int(row, 1).value_or(0)), rows.Int(row, 2).value_or(0),
                   std::string(rows.Text(row, 3)), TimeAt(rows, row, 4),
                   rows.Int(row, 5).value_or(0), rows.Int(row, 6).value_or(0)});
  }
  return out;
}

Result<std::vector<api::DeadLetterRow>> ReadDeadLetters(ReadSession& session,
                                                        access::TenantId tenant,
                                                        const api::DeadLetterQuery& query) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query(
          fmt::format(
              "/* pgvigil kafka */ SELECT id, topic, partition, \"offset\", reason, message,"
              " coalesce(agent_uuid::text, ''), size_bytes, dead_topic, dead_partition,"
              " dead_offset, {}, {} FROM pgvigil.dead_letter"
              " WHERE id > $1::int8 AND ($2 = '' OR reason = $2)"
              " AND (replayed_at IS NULL OR NOT $3::bool)"
              " AND coalesce(tenant_id, {}) = $4::int4 ORDER BY id LIMIT $5::int8",
              EpochMicros("at"), EpochMicros("replayed_at"), access::kDefaultTenant.value),
          {std::to_string(query.after_id), query.reason, query.waiting_only ? "t" : "f",
           std::to_string(tenant.value), std::to_string(query.limit)}));
  std::vector<api::DeadLetterRow> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    api::DeadLetterRow& letter = out.emplace_back();
    letter.id = rows.Int(row, 0).value_or(0);
    letter.topic = rows.Text(row, 1);
    letter.partition = static_cast<int32_t>(rows.Int(row, 2).value_or(0));
    letter.offset = rows.Int(row, 3).value_or(0);
    letter.reason = rows.Text(row, 4);
    letter.message = rows.Text(row, 5);
    letter.agent = rows.Text(row, 6);
    letter.size_bytes = rows.Int(row, 7).value_or(0);
    letter.dead_topic = rows.Text(row, 8);
    letter.dead_partition = static_cast<int32_t>(rows.Int(row, 9).value_or(0));
    letter.dead_offset = rows.Int(row, 10).value_or(0);
    letter.at = FromUnixMicros(rows.Int(row, 11).value_or(0));
    letter.replayed_at = TimeAt(rows, row, 12);
  }
  return out;
}

}  // namespace collector::storage
