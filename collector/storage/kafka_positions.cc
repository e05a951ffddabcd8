#include "collector/storage/kafka_positions.h"

#include <algorithm>
#include <string>

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Parameter;
using shared::postgres::Rows;

// Rows are taken in the order of their key, as writers lock them.
constexpr std::string_view kClaim = R"sql(/* pgvigil */
INSERT INTO pgvigil.kafka_position (topic, partition, owner)
SELECT topic, partition, $3 FROM unnest($1::text[], $2::int4[]) AS n (topic, partition)
ORDER BY topic, partition
ON CONFLICT (topic, partition) DO UPDATE SET owner_epoch = kafka_position.owner_epoch + 1,
  owner = excluded.owner, claimed_at = now()
RETURNING topic, partition, next_offset, owner_epoch, anchor, recreations)sql";

constexpr std::string_view kAdd = R"sql(/* pgvigil */
INSERT INTO pgvigil.kafka_position (topic, partition)
SELECT topic, partition FROM unnest($1::text[], $2::int4[]) AS n (topic, partition)
ORDER BY topic, partition ON CONFLICT (topic, partition) DO NOTHING)sql";

// Of those rows that no transaction holds.
constexpr std::string_view kClaimFree = R"sql(/* pgvigil */
WITH free AS (
  SELECT topic, partition FROM pgvigil.kafka_position
  WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::int4[]))
  ORDER BY topic, partition FOR NO KEY UPDATE SKIP LOCKED)
UPDATE pgvigil.kafka_position p SET owner_epoch = p.owner_epoch + 1, owner = $3, claimed_at = now()
FROM free WHERE p.topic = free.topic AND p.partition = free.partition
RETURNING p.topic, p.partition, p.next_offset, p.owner_epoch, p.anchor, p.recreations)sql";

constexpr std::string_view kLockNotAvailable = "55P03";

constexpr std::string_view kMove = R"sql(/* pgvigil */
UPDATE pgvigil.kafka_position SET next_offset = $4, anchor = NULL,
  recreations = recreations + $5, expired = expired + $6
WHERE topic = $1 AND partition = $2 AND owner_epoch = $3)sql";

}  // namespace

Result<std::vector<bus::Claim>> ClaimPartitions(Connection& connection,
                                                std::span<const bus::PartitionId> partitions,
                                                std::string_view owner) {
  ArrayText topics, numbers;
  for (const bus::PartitionId& id : partitions) {
    topics.Add(std::string_view(id.topic));
    numbers.Add(int64_t{id.partition});
  }
  const Parameter names = topics.Take(), of = numbers.Take(), by = std::string(owner);
  Result<Rows> rows = connection.Query(kClaim, {names, of, by});
  // The queue for a row is fair to a claim among transactions that come and go; one that stands
  // still must not keep us from the other partitions.
  if (!rows && connection.last_sqlstate() == kLockNotAvailable) {
    RETURN_IF_ERROR(connection.Query(kAdd, {names, of}));
    rows = connection.Query(kClaimFree, {names, of, by});
  }
  if (!rows) return tl::make_unexpected(std::move(rows).error());
  std::vector<bus::Claim> claims;
  claims.reserve(rows->size());
  for (size_t row = 0; row < rows->size(); ++row) {
    bus::Claim& claim = claims.emplace_back();
    claim.next_offset = rows->Int(row, 2).value_or(0);
    claim.anchor = rows->Int(row, 4);
    claim.generation = static_cast<uint64_t>(rows->Int(row, 5).value_or(0)) + 1;
    claim.lease = std::make_shared<bus::Lease>(std::string(rows->Text(row, 0)),
                                               static_cast<int32_t>(rows->Int(row, 1).value_or(0)),
                                               rows->Int(row, 3).value_or(0), claim.next_offset);
  }
  return claims;
}

Result<void> MovePosition(Connection& connection, bus::Lease& lease, int64_t next_offset,
                          bus::Reposition why) {
  const bool expired = why == bus::Reposition::kExpired;
  const int64_t skipped = std::max<int64_t>(0, next_offset - lease.next_offset());
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(kMove, {lease.topic(), std::to_string(lease.partition()),
                               std::to_string(lease.epoch()), std::to_string(next_offset),
                               expired ? "0" : "1", std::to_string(expired ? skipped : 0)}));
  if (rows.affected() == 0) {
    return Fail(ErrorCode::kCancelled, "{} [{}] was claimed by another process", lease.topic(),
                lease.partition());
  }
  lease.MoveTo(next_offset);
  return {};
}

}  // namespace collector::storage
