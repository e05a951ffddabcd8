#include "collector/storage/transfer.h"

#include <algorithm>
#include <string_view>

#include "collector/storage/sql_text.h"
#include "collector/storage/status_json.h"
#include "shared/postgres/kept.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::KeptStatement;
using shared::postgres::Rows;
using shared::postgres::Statement;

constexpr std::string_view kLockPartitions = R"sql(/* pgvigil */
SELECT topic, partition, owner_epoch, next_offset FROM pgvigil.kafka_position
WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::int4[]))
ORDER BY topic, partition FOR NO KEY UPDATE)sql";

constexpr std::string_view kLockStreams = R"sql(/* pgvigil */
SELECT agent_id, stream, incarnation, sequence, gaps, duplicates, batches, missing, older_lives,
  oldest_incarnation
FROM pgvigil.agent_stream
WHERE (agent_id, stream) IN (SELECT * FROM unnest($1::int4[], $2::int2[]))
ORDER BY agent_id, stream FOR NO KEY UPDATE)sql";

constexpr std::string_view kFilePositions = R"sql(/* pgvigil */
SELECT id, position, gap_bytes, lines, missing FROM pgvigil.log_file
WHERE id = ANY ($1::int8[]))sql";

constexpr std::string_view kMovePartitions = R"sql(/* pgvigil */
UPDATE pgvigil.kafka_position p SET next_offset = n.next_offset, anchor = n.anchor,
  updated_at = now()
FROM unnest($1::text[], $2::int4[], $3::int8[], $4::int8[])
  AS n (topic, partition, next_offset, anchor)
WHERE p.topic = n.topic AND p.partition = n.partition)sql";

// Arrays of arrays would be flattened by unnest: inner ones travel as text.
constexpr std::string_view kMoveStreams = R"sql(/* pgvigil */
UPDATE pgvigil.agent_stream s SET incarnation = n.incarnation, sequence = n.sequence, gaps = n.gaps,
  duplicates = n.duplicates, batches = n.batches, last_received = now(),
  last_event = greatest(s.last_event, n.last_event), missing = n.missing::int8[],
  older_lives = n.older_lives::int8[], oldest_incarnation = n.oldest_incarnation
FROM unnest($1::int4[], $2::int2[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],
  $8::timestamptz[], $9::text[], $10::text[], $11::int8[])
  AS n (agent_id, stream, incarnation, sequence, gaps, duplicates, batches, last_event, missing,
  older_lives, oldest_incarnation)
WHERE s.agent_id = n.agent_id AND s.stream = n.stream)sql";

constexpr std::string_view kMoveFiles = R"sql(/* pgvigil */
UPDATE pgvigil.log_file f SET position = n.position, gap_bytes = n.gap_bytes, lines = n.lines,
  missing = n.missing::int8[], last_seen = now()
FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::text[])
  AS n (id, position, gap_bytes, lines, missing)
WHERE f.id = n.id)sql";

constexpr std::string_view kWriteStatuses = R"sql(/* pgvigil */
UPDATE pgvigil.agent a SET version = n.version, started = n.started, status = n.status::jsonb,
  status_at = now(), last_seen = now()
FROM unnest($1::int4[], $2::text[], $3::timestamptz[], $4::text[]) AS n (id, version, started, status)
WHERE a.id = n.id)sql";

constexpr std::string_view kAddRefusals = R"sql(/* pgvigil */
INSERT INTO pgvigil.refusal (agent_id, stream, reason, items, example)
SELECT * FROM unnest($1::int4[], $2::int2[], $3::text[], $4::int8[], $5::text[])
ON CONFLICT (agent_id, stream, reason) DO UPDATE SET items = refusal.items + excluded.items,
  example = coalesce(nullif(excluded.example, ''), refusal.example), last_seen = now())sql";

constexpr std::string_view kAddDeadLetters = R"sql(/* pgvigil */
INSERT INTO pgvigil.dead_letter (topic, partition, "offset", reason, message, tenant_id, agent_uuid,
  size_bytes, dead_topic, dead_partition, dead_offset)
SELECT * FROM unnest($1::text[], $2::int4[], $3::int8[], $4::text[], $5::text[], $6::int4[],
  $7::uuid[], $8::int8[], $9::text[], $10::int4[], $11::int8[]))sql";

constexpr size_t kUuidBytes = 16;

int64_t Clamped(uint64_t value) {
  return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX));
}

uint64_t UnsignedAt(const Rows& rows, size_t row, size_t column) {
  return static_cast<uint64_t>(rows.Int(row, column).value_or(0));
}

void AddInts(const std::vector<int64_t>& values, ArrayText& out) {
  ArrayText inner;
  for (const int64_t value : values) inner.Add(value);
  out.Add(std::string_view(inner.Take()));
}

void ReadPartitions(const Rows& rows, Transfer& transfer) {
  for (size_t row = 0; row < rows.size(); ++row) {
    const bus::PartitionId id{std::string(rows.Text(row, 0)),
                              static_cast<int32_t>(rows.Int(row, 1).value_or(0))};
    Transfer::Partition& partition = transfer.partitions[id];
    partition.epoch = rows.Int(row, 2).value_or(0);
    partition.next_offset = rows.Int(row, 3).value_or(0);
  }
}

void ReadStreams(const Rows& rows, Transfer& transfer) {
  for (size_t row = 0; row < rows.size(); ++row) {
    const StreamKey key{static_cast<int32_t>(rows.Int(row, 0).value_or(0)),
                        static_cast<int>(rows.Int(row, 1).value_or(0))};
    StreamPosition& position = transfer.streams[key].position;
    position.incarnation = UnsignedAt(rows, row, 2);
    position.sequence = UnsignedAt(rows, row, 3);
    position.gaps = UnsignedAt(rows, row, 4);
    position.duplicates = UnsignedAt(rows, row, 5);
    position.batches = UnsignedAt(rows, row, 6);
    position.missing = MissingRanges::FromFlat(ParseIntArray(rows.Text(row, 7)));
    position.older = LivesFromFlat(ParseIntArray(rows.Text(row, 8)));
    position.oldest_incarnation = UnsignedAt(rows, row, 9);
  }
}

void ReadFiles(const Rows& rows, Transfer& transfer) {
  for (size_t row = 0; row < rows.size(); ++row) {
    FilePosition& position = transfer.files[rows.Int(row, 0).value_or(0)];
    position.known = !rows.IsNull(row, 1);
    position.offset = UnsignedAt(rows, row, 1);
    position.gap_bytes = UnsignedAt(rows, row, 2);
    position.lines = UnsignedAt(rows, row, 3);
    position.missing = MissingRanges::FromFlat(ParseIntArray(rows.Text(row, 4)));
  }
}

Statement MovePartitions(const Transfer& transfer) {
  ArrayText topics, numbers, offsets, anchors;
  for (const auto& [id, partition] : transfer.partitions) {
    if (!partition.moved) continue;
    topics.Add(std::string_view(id.topic));
    numbers.Add(int64_t{id.partition});
    offsets.Add(partition.next_offset);
    anchors.Add(partition.anchor);
  }
  return {std::string(kMovePartitions),
          {topics.Take(), numbers.Take(), offsets.Take(), anchors.Take()}};
}

Statement MoveStreams(const Transfer& transfer) {
  ArrayText agents, streams, incarnations, sequences, gaps, duplicates, batches, events, missing,
      lives, oldest;
  for (const auto& [key, stream] : transfer.streams) {
    if (!stream.moved) continue;
    agents.Add(int64_t{key.first});
    streams.Add(int64_t{key.second});
    incarnations.Add(Clamped(stream.position.incarnation));
    sequences.Add(Clamped(stream.position.sequence));
    gaps.Add(Clamped(stream.position.gaps));
    duplicates.Add(Clamped(stream.position.duplicates));
    batches.Add(Clamped(stream.position.batches));
    if (stream.last_event) {
      events.Add(std::string_view(FormatTimestamp(*stream.last_event)));
    } else {
      events.AddNull();
    }
    AddInts(stream.position.missing.Flat(), missing);
    AddInts(FlatLives(stream.position.older), lives);
    oldest.Add(Clamped(stream.position.oldest_incarnation));
  }
  return {std::string(kMoveStreams),
          {agents.Take(), streams.Take(), incarnations.Take(), sequences.Take(), gaps.Take(),
           duplicates.Take(), batches.Take(), events.Take(), missing.Take(), lives.Take(),
           oldest.Take()}};
}

Statement MoveFiles(const Transfer& transfer) {
  ArrayText ids, positions, gap_bytes, lines, missing;
  for (const auto& [id, position] : transfer.files) {
    if (!position.known) continue;
    ids.Add(id);
    positions.Add(Clamped(position.offset));
    gap_bytes.Add(Clamped(position.gap_bytes));
    lines.Add(Clamped(position.lines));
    AddInts(position.missing.Flat(), missing);
  }
  return {std::string(kMoveFiles),
          {ids.Take(), positions.Take(), gap_bytes.Take(), lines.Take(), missing.Take()}};
}

Statement WriteStatuses(const Transfer& transfer) {
  ArrayText ids, versions, started, documents;
  for (const auto& [agent, status] : transfer.statuses) {
    ids.Add(int64_t{agent});
    versions.Add(std::string_view(status->version()));
    started.Add(std::string_view(
        FormatTimestamp(shared::FromUnixNanos(static_cast<int64_t>(status->started_unix_nano())))));
    documents.Add(std::string_view(StatusJson(*status)));
  }
  return {std::string(kWriteStatuses),
          {ids.Take(), versions.Take(), started.Take(), documents.Take()}};
}

Statement AddRefusals(const Transfer& transfer) {
  ArrayText ids, kinds, reasons, items, examples;
  for (const auto& [key, refused] : transfer.refused) {
    ids.Add(int64_t{std::get<0>(key)});
    kinds.Add(int64_t{std::get<1>(key)});
    reasons.Add(std::string_view(std::get<2>(key)));
    items.Add(Clamped(refused.items));
    examples.Add(std::string_view(refused.example));
  }
  return {std::string(kAddRefusals),
          {ids.Take(), kinds.Take(), reasons.Take(), items.Take(), examples.Take()}};
}

Statement AddDeadLetters(const Transfer& transfer) {
  ArrayText topics, partitions, offsets, reasons, messages, tenants, agents, sizes, grave_topics,
      grave_partitions, grave_offsets;
  for (const bus::PendingRecord* record : transfer.dead_letters) {
    topics.Add(std::string_view(record->lease->topic()));
    partitions.Add(int64_t{record->lease->partition()});
    offsets.Add(record->offset);
    reasons.Add(std::string_view(record->fault->reason));
    messages.Add(std::string_view(record->fault->message));
    if (record->tenant) {
      tenants.Add(int64_t{*record->tenant});
    } else {
      tenants.AddNull();
    }
    if (record->agent_id.size() == kUuidBytes) {
      agents.Add(std::string_view(shared::text::ToUuid(record->agent_id)));
    } else {
      agents.AddNull();
    }
    sizes.Add(Clamped(record->value_bytes));
    grave_topics.Add(std::string_view(record->grave->topic));
    grave_partitions.Add(int64_t{record->grave->partition});
    grave_offsets.Add(record->grave->offset);
  }
  return {std::string(kAddDeadLetters),
          {topics.Take(), partitions.Take(), offsets.Take(), reasons.Take(), messages.Take(),
           tenants.Take(), agents.Take(), sizes.Take(), grave_topics.Take(),
           grave_partitions.Take(), grave_offsets.Take()}};
}

// The same texts come with every group.
Result<std::vector<Rows>> RunKept(Connection& connection, std::vector<Statement> statements) {
  std::vector<KeptStatement> kept;
  kept.reserve(statements.size());
  for (Statement& one : statements) kept.push_back({std::move(one)});
  return PipelineKept(connection, kept);
}

}  // namespace

Result<void> LockPositions(Connection& connection, Transfer& transfer) {
  std::vector<Statement> statements;
  statements.push_back({"BEGIN", {}});
  if (!transfer.partitions.empty()) {
    ArrayText topics, numbers;
    for (const auto& [id, partition] : transfer.partitions) {
      topics.Add(std::string_view(id.topic));
      numbers.Add(int64_t{id.partition});
    }
    statements.push_back({std::string(kLockPartitions), {topics.Take(), numbers.Take()}});
  }
  const size_t streams_at = statements.size();
  ArrayText agents, streams;
  for (const auto& [key, stream] : transfer.streams) {
    agents.Add(int64_t{key.first});
    streams.Add(int64_t{key.second});
  }
  statements.push_back({std::string(kLockStreams), {agents.Take(), streams.Take()}});
  const size_t files_at = statements.size();
  if (!transfer.files.empty()) {
    // A statement of its own: its snapshot is taken when the locks are held.
    ArrayText files;
    for (const auto& [id, position] : transfer.files) files.Add(id);
    statements.push_back({std::string(kFilePositions), {files.Take()}});
  }
  ASSIGN_OR_RETURN(const std::vector<Rows> results, RunKept(connection, std::move(statements)));
  if (results[streams_at].size() != transfer.streams.size() ||
      (!transfer.files.empty() && results[files_at].size() != transfer.files.size())) {
    return Fail(
        ErrorCode::kNotFound,
        "rows of pgvigil.agent_stream or log_file were deleted by hand; they are made again");
  }
  if (!transfer.partitions.empty()) ReadPartitions(results[1], transfer);
  ReadStreams(results[streams_at], transfer);
  if (!transfer.files.empty()) ReadFiles(results[files_at], transfer);
  return {};
}

Result<void> MovePositionsAndCommit(Connection& connection, const Transfer& transfer) {
  std::vector<Statement> statements;
  if (!transfer.partitions.empty()) statements.push_back(MovePartitions(transfer));
  statements.push_back(MoveStreams(transfer));
  if (!transfer.files.empty()) statements.push_back(MoveFiles(transfer));
  if (!transfer.statuses.empty()) statements.push_back(WriteStatuses(transfer));
  if (!transfer.refused.empty()) statements.push_back(AddRefusals(transfer));
  if (!transfer.dead_letters.empty()) statements.push_back(AddDeadLetters(transfer));
  statements.push_back({"COMMIT", {}});
  RETURN_IF_ERROR(RunKept(connection, std::move(statements)));
  return {};
}

}  // namespace collector::storage
