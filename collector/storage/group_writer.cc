#include "collector/storage/group_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/logs/log_rows.h"
#include "collector/storage/metric_rows.h"
#include "collector/storage/sql_text.h"
#include "collector/storage/statement_rows.h"
#include "collector/storage/status_json.h"
#include "collector/storage/stream_position.h"
#include "shared/text/hex.h"
#include "shared/wire/names.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using pgvigil::v1::BatchReply;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Statement;

constexpr int kMostRetries = 3;
constexpr auto kStatusPeriod = 15s;
constexpr uint64_t kMostItems = uint64_t{1} << 53;  // a hostile count must not overflow int8

using StreamKey = std::pair<int32_t, int>;  // agent, stream

StreamKey KeyOf(const BatchPlan& plan) {
  return {plan.agent.value, plan.batch->stream()};
}

int64_t Clamped(uint64_t value) {
  return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX));
}

uint64_t UnsignedAt(const Rows& rows, size_t row, size_t column) {
  return static_cast<uint64_t>(rows.Int(row, column).value_or(0));
}

constexpr std::string_view kLockStreams = R"sql(/* pgvigil */
SELECT agent_id, stream, incarnation, sequence, gaps, duplicates, batches
FROM pgvigil.agent_stream
WHERE (agent_id, stream) IN (SELECT * FROM unnest($1::int4[], $2::int2[]))
ORDER BY agent_id, stream FOR NO KEY UPDATE)sql";

constexpr std::string_view kFilePositions = R"sql(/* pgvigil */
SELECT id, position, gap_bytes, lines FROM pgvigil.log_file WHERE id = ANY ($1::int8[]))sql";

constexpr std::string_view kMoveStreams = R"sql(/* pgvigil */
UPDATE pgvigil.agent_stream s SET incarnation = n.incarnation, sequence = n.sequence, gaps = n.gaps,
  duplicates = n.duplicates, batches = n.batches, last_received = now(),
  last_event = greatest(s.last_event, n.last_event)
FROM unnest($1::int4[], $2::int2[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],
  $8::timestamptz[]) AS n (agent_id, stream, incarnation, sequence, gaps, duplicates, batches, last_event)
WHERE s.agent_id = n.agent_id AND s.stream = n.stream)sql";

constexpr std::string_view kMoveFiles = R"sql(/* pgvigil */
UPDATE pgvigil.log_file f SET position = n.position, gap_bytes = n.gap_bytes, lines = n.lines,
  last_seen = now()
FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[]) AS n (id, position, gap_bytes, lines)
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
  example = excluded.example, last_seen = now())sql";

constexpr std::string_view kWaitsForEarlier = "an earlier batch of this stream is not stored yet";

FailureKind Classify(const Connection& connection, const shared::Error& error) {
  if (!connection.IsOpen()) return FailureKind::kAway;
  // What our own checks refuse has no SQLSTATE; the connection may remember an older failure's.
  const std::string_view sqlstate = connection.last_sqlstate();
  const bool of_this = error.message.find(sqlstate) != std::string::npos;
  return ClassifyFailure(error.code, of_this ? sqlstate : std::string_view());
}

// What the sender hears: never send it again, or send it again.
tl::unexpected<shared::Error> Refuse(bool for_good, shared::Error error) {
  error.code = for_good ? ErrorCode::kInvalidInput : ErrorCode::kUnavailable;
  return tl::make_unexpected(std::move(error));
}

std::string CapabilitiesOf(const pgvigil::v1::AgentStatus& status) {
  std::string out = status.version();
  for (const auto& one : status.capabilities()) one.AppendToString(&out);
  return out;
}

}  // namespace

struct GroupWriter::Transfer {
  struct Stream {
    StreamPosition position;
    std::optional<shared::WallTime> last_event;
    bool moved = false;
  };
  struct Refused {
    uint64_t items = 0;
    std::string example;
  };
  std::map<StreamKey, Stream> streams;
  std::map<int64_t, FilePosition> files;
  std::vector<BlockRow> blocks;
  std::vector<LogBlockRow> log_blocks;
  std::vector<LogEventRow> log_events;
  std::vector<PlannedInterval> intervals;
  std::map<std::tuple<int32_t, int, std::string>, Refused> refused;  // agent, stream, reason
  std::map<int32_t, const pgvigil::v1::AgentStatus*> statuses;       // by agent
  uint64_t stored = 0, duplicates = 0, waiting = 0, samples = 0, lines = 0, bytes = 0;
};

std::vector<GroupWriter::Reply> GroupWriter::Write(
    Connection& connection, std::span<const ingest::AcceptedBatch* const> batches) {
  std::vector<Reply> replies(batches.size(), Fail(ErrorCode::kInternal, "no reply"));
  std::vector<Item> items;
  items.reserve(batches.size());
  held_.clear();
  std::set<std::pair<std::string, int>> unplanned;  // agent uuid, stream
  for (size_t i = 0; i < batches.size(); ++i) {
    const std::pair<std::string, int> stream{batches[i]->batch.agent_id(),
                                             batches[i]->batch.stream()};
    if (unplanned.contains(stream)) {
      replies[i] = Fail(ErrorCode::kUnavailable, "{}", kWaitsForEarlier);
      continue;
    }
    Result<BatchPlan> plan = planner_.Plan(connection, *batches[i]);
    if (plan) {
      items.push_back({batches[i], std::move(*plan), i});
      continue;
    }
    const bool data = Classify(connection, plan.error()) == FailureKind::kData;
    if (!data) unplanned.insert(stream);
    replies[i] = Refuse(data, std::move(plan).error());
  }
  const auto store = [&](std::span<Item> some) -> FailureKind {
    FailureKind failure = FailureKind::kAway;
    Result<std::vector<Reply>> stored = StoreWithRetries(connection, some, failure);
    for (size_t i = 0; i < some.size(); ++i) {
      if (stored) {
        replies[some[i].index] = std::move((*stored)[i]);
        continue;
      }
      replies[some[i].index] = Refuse(failure == FailureKind::kData, stored.error());
      if (failure != FailureKind::kData) held_.insert(KeyOf(some[i].plan));
    }
    return stored ? FailureKind::kAway : failure;
  };
  if (!items.empty() && store(items) == FailureKind::kData && items.size() > 1) {
    metrics_.group_retries.Increment();
    for (Item& item : items) store(std::span(&item, 1));
  }
  return replies;
}

Result<std::vector<GroupWriter::Reply>> GroupWriter::StoreWithRetries(Connection& connection,
                                                                      std::span<Item> items,
                                                                      FailureKind& failure) {
  bool skip_known_blocks = false;
  for (int attempt = 0;; ++attempt) {
    Result<std::vector<Reply>> stored = Store(connection, items, skip_known_blocks);
    if (stored) return stored;
    const std::string sqlstate(connection.last_sqlstate());
    failure = Classify(connection, stored.error());
    if (connection.IsOpen()) (void)connection.Execute("ROLLBACK");
    const bool known_block = sqlstate == "23505" && items.size() == 1 && !skip_known_blocks &&
                             !items.front().plan.blocks.empty();
    const bool again =
        failure == FailureKind::kRetryNow || failure == FailureKind::kPartitionGone || known_block;
    if (!again || attempt == kMostRetries) return stored;
    metrics_.group_retries.Increment();
    skip_known_blocks = known_block;
    if (failure == FailureKind::kPartitionGone) {
      if (Result<void> reloaded = partitions_.Reload(connection); !reloaded) return stored;
    }
  }
}

Result<std::vector<GroupWriter::Reply>> GroupWriter::Store(Connection& connection,
                                                           std::span<Item> items,
                                                           bool skip_known_blocks) {
  std::set<Partition> partitions;
  for (const Item& item : items) {
    partitions.insert(item.plan.partitions.begin(), item.plan.partitions.end());
  }
  RETURN_IF_ERROR(partitions_.Ensure(connection, partitions));
  const shared::MonotonicTime begin = clock_.Monotonic();
  Transfer transfer;
  RETURN_IF_ERROR(Lock(connection, items, transfer));
  std::vector<Reply> replies;
  replies.reserve(items.size());
  for (const Item& item : items) replies.push_back(Decide(item, transfer));
  RETURN_IF_ERROR(Copy(connection, transfer, skip_known_blocks));
  RETURN_IF_ERROR(Commit(connection, transfer));
  metrics_.commit_seconds.Observe(
      std::chrono::duration<double>(clock_.Monotonic() - begin).count());
  CountStored(transfer);
  return replies;
}

Result<void> GroupWriter::Lock(Connection& connection, std::span<Item> items, Transfer& transfer) {
  std::set<int64_t> files;
  for (const Item& item : items) {
    transfer.streams.try_emplace(KeyOf(item.plan));
    for (const PlannedChunk& chunk : item.plan.chunks) files.insert(chunk.file_id);
  }
  ArrayText agents, streams, file_ids;
  for (const auto& [key, stream] : transfer.streams) {
    agents.Add(int64_t{key.first});
    streams.Add(int64_t{key.second});
  }
  for (const int64_t file : files) file_ids.Add(file);
  std::vector<Statement> statements;
  statements.push_back({"BEGIN", {}});
  statements.push_back({std::string(kLockStreams), {agents.Take(), streams.Take()}});
  // A statement of its own: its snapshot is taken when the locks are held.
  if (!files.empty()) statements.push_back({std::string(kFilePositions), {file_ids.Take()}});
  ASSIGN_OR_RETURN(const std::vector<Rows> results, connection.PipelineAtomic(statements));
  const Rows& rows = results[1];
  if (rows.size() != transfer.streams.size() ||
      (!files.empty() && results[2].size() != files.size())) {
    planner_.Forget();
    return Fail(
        ErrorCode::kUnavailable,
        "rows of pgvigil.agent_stream or log_file were deleted by hand; they are made again");
  }
  for (size_t row = 0; row < rows.size(); ++row) {
    const StreamKey key{static_cast<int32_t>(rows.Int(row, 0).value_or(0)),
                        static_cast<int>(rows.Int(row, 1).value_or(0))};
    transfer.streams[key].position =
        StreamPosition{UnsignedAt(rows, row, 2), UnsignedAt(rows, row, 3), UnsignedAt(rows, row, 6),
                       UnsignedAt(rows, row, 4), UnsignedAt(rows, row, 5)};
  }
  for (size_t row = 0; !files.empty() && row < results[2].size(); ++row) {
    transfer.files[results[2].Int(row, 0).value_or(0)] =
        FilePosition{!results[2].IsNull(row, 1), UnsignedAt(results[2], row, 1),
                     UnsignedAt(results[2], row, 2), UnsignedAt(results[2], row, 3)};
  }
  return {};
}

GroupWriter::Reply GroupWriter::Decide(const Item& item, Transfer& transfer) {
  const BatchPlan& plan = item.plan;
  const pgvigil::v1::Batch& batch = *plan.batch;
  Transfer::Stream& stream = transfer.streams[KeyOf(plan)];
  StreamPosition next = stream.position;
  const Verdict verdict = Advance(next, batch.incarnation(), batch.sequence());
  if (verdict == Verdict::kOlderLife) {
    return Fail(
        ErrorCode::kInvalidInput,
        "agent {} stream {}: incarnation {} is older than {}, which is stored: do two agents "
        "share one id (a copied machine)? Remove the state directory of one of them",
        shared::text::ToUuid(batch.agent_id()), shared::wire::StreamName(batch.stream()),
        batch.incarnation(), stream.position.incarnation);
  }
  BatchReply reply;
  reply.set_stream(batch.stream());
  reply.set_incarnation(batch.incarnation());
  const bool held = held_.contains(KeyOf(plan));
  if (verdict == Verdict::kStore && (held || !plan.missing_layouts.empty())) {
    if (held && plan.missing_layouts.empty()) {
      return Fail(ErrorCode::kUnavailable, "{}", kWaitsForEarlier);
    }
    held_.insert(KeyOf(plan));
    transfer.waiting += 1;
    const bool same_life = stream.position.incarnation == batch.incarnation();
    reply.set_acknowledged_sequence(same_life ? stream.position.sequence : 0);
    for (const std::string& hash : plan.missing_layouts) reply.add_missing_layouts(hash);
    return reply;
  }
  stream.position = next;
  stream.moved = true;
  reply.set_acknowledged_sequence(next.sequence);
  if (verdict == Verdict::kDuplicate) {
    transfer.duplicates += 1;
    return reply;
  }
  for (const auto& refusal : plan.refusals) *reply.add_refusals() = refusal;
  transfer.bytes += item.accepted->cost_bytes;
  Gather(item, transfer);
  return reply;
}

void GroupWriter::Gather(const Item& item, Transfer& transfer) {
  const BatchPlan& plan = item.plan;
  Transfer::Stream& stream = transfer.streams[KeyOf(plan)];
  if (plan.last_event) {
    stream.last_event = std::max(stream.last_event.value_or(*plan.last_event), *plan.last_event);
  }
  transfer.stored += 1;
  transfer.samples += plan.samples;
  for (const PlannedBlock& block : plan.blocks) transfer.blocks.push_back({plan.host, block});
  for (const PlannedChunk& chunk : plan.chunks) {
    FilePosition& position = transfer.files[chunk.file_id];
    const auto fresh = AdvanceFile(position, chunk.chunk->begin_offset(), chunk.chunk->end_offset(),
                                   chunk.records);
    transfer.lines += fresh.size();
    for (LogBlock& block : BuildLogBlocks(fresh, compressor_)) {
      transfer.log_blocks.push_back({plan.host.value, chunk.file_id, std::move(block)});
    }
    for (const auto* record : fresh) {
      if (IsLogEvent(*record)) {
        transfer.log_events.push_back({plan.host.value, chunk.file_id, record});
      }
    }
  }
  transfer.intervals.insert(transfer.intervals.end(), plan.intervals.begin(), plan.intervals.end());
  for (const auto& refusal : plan.refusals) {
    auto& refused = transfer.refused[{plan.agent.value, plan.batch->stream(), refusal.reason()}];
    refused.items = std::min(kMostItems, refused.items + std::min(kMostItems, refusal.items()));
    refused.example = refusal.example();
  }
  if (plan.batch->has_status()) {
    const auto written = statuses_.find(plan.agent.value);
    if (written == statuses_.end() || clock_.Monotonic() - written->second.at >= kStatusPeriod ||
        written->second.capabilities != CapabilitiesOf(plan.batch->status())) {
      transfer.statuses[plan.agent.value] = &plan.batch->status();
    }
  }
}

Result<void> GroupWriter::Copy(Connection& connection, Transfer& transfer, bool skip_known_blocks) {
  if (skip_known_blocks) {
    ASSIGN_OR_RETURN(const uint64_t skipped, CopyBlocksThatAreNew(connection, transfer.blocks));
    const auto& [agent, stream] = transfer.streams.begin()->first;  // alone in its group
    if (skipped > 0) {
      transfer.refused[{agent, stream, "duplicate_block"}] = {
          skipped, "a block of the same host, layout and time was stored before"};
    }
  } else {
    RETURN_IF_ERROR(CopyBlocks(connection, transfer.blocks));
  }
  RETURN_IF_ERROR(CopyLogBlocks(connection, transfer.log_blocks));
  RETURN_IF_ERROR(CopyLogEvents(connection, transfer.log_events));
  return CopyStatements(connection, transfer.intervals);
}

Result<void> GroupWriter::Commit(Connection& connection, Transfer& transfer) {
  std::vector<Statement> statements;
  ArrayText agents, streams, incarnations, sequences, gaps, duplicates, batches, events;
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
  }
  statements.push_back({std::string(kMoveStreams),
                        {agents.Take(), streams.Take(), incarnations.Take(), sequences.Take(),
                         gaps.Take(), duplicates.Take(), batches.Take(), events.Take()}});
  if (!transfer.files.empty()) {
    ArrayText ids, positions, gap_bytes, lines;
    for (const auto& [id, position] : transfer.files) {
      if (!position.known) continue;
      ids.Add(id);
      positions.Add(Clamped(position.offset));
      gap_bytes.Add(Clamped(position.gap_bytes));
      lines.Add(Clamped(position.lines));
    }
    statements.push_back(
        {std::string(kMoveFiles), {ids.Take(), positions.Take(), gap_bytes.Take(), lines.Take()}});
  }
  if (!transfer.statuses.empty()) {
    ArrayText ids, versions, started, documents;
    for (const auto& [agent, status] : transfer.statuses) {
      ids.Add(int64_t{agent});
      versions.Add(std::string_view(status->version()));
      started.Add(std::string_view(FormatTimestamp(
          shared::FromUnixNanos(static_cast<int64_t>(status->started_unix_nano())))));
      documents.Add(std::string_view(StatusJson(*status)));
    }
    statements.push_back({std::string(kWriteStatuses),
                          {ids.Take(), versions.Take(), started.Take(), documents.Take()}});
  }
  if (!transfer.refused.empty()) {
    ArrayText ids, kinds, reasons, items, examples;
    for (const auto& [key, refused] : transfer.refused) {
      ids.Add(int64_t{std::get<0>(key)});
      kinds.Add(int64_t{std::get<1>(key)});
      reasons.Add(std::string_view(std::get<2>(key)));
      items.Add(Clamped(refused.items));
      examples.Add(std::string_view(refused.example));
    }
    statements.push_back(
        {std::string(kAddRefusals),
         {ids.Take(), kinds.Take(), reasons.Take(), items.Take(), examples.Take()}});
  }
  // Without an answer to COMMIT it stays unknown whether it happened. That is the caller's
  // kUnavailable: the agent sends again, and the sequences tell.
  statements.push_back({"COMMIT", {}});
  RETURN_IF_ERROR(connection.PipelineAtomic(statements));
  for (const auto& [agent, status] : transfer.statuses) {
    statuses_[agent] = {clock_.Monotonic(), CapabilitiesOf(*status)};
  }
  return {};
}

void GroupWriter::CountStored(const Transfer& transfer) {
  metrics_.groups.Increment();
  metrics_.group_batches.Set(static_cast<double>(transfer.stored + transfer.duplicates));
  metrics_.samples.Increment(static_cast<double>(transfer.samples));
  metrics_.log_records.Increment(static_cast<double>(transfer.lines));
  metrics_.bytes.Increment(static_cast<double>(transfer.bytes));
  uint64_t deltas = 0;
  for (const auto& one : transfer.intervals) {
    deltas += static_cast<uint64_t>(one.interval->deltas_size());
  }
  metrics_.statement_deltas.Increment(static_cast<double>(deltas));
  metrics_.CountBatches("stored", transfer.stored);
  metrics_.CountBatches("duplicate", transfer.duplicates);
  metrics_.CountBatches("missing_layout", transfer.waiting);
  for (const auto& [key, refused] : transfer.refused) {
    metrics_.CountRefused(std::get<2>(key), refused.items);
  }
}

}  // namespace collector::storage
