#include "collector/storage/group_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/logs/log_block.h"
#include "collector/storage/metric_rows.h"
#include "collector/storage/statement_rows.h"
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

constexpr int kMostRetries = 3;
constexpr auto kStatusPeriod = 15s;
constexpr uint64_t kMostItems = uint64_t{1} << 53;  // a hostile count must not overflow int8

StreamKey KeyOf(const BatchPlan& plan) {
  return {plan.agent.value, plan.batch->stream()};
}

bus::PartitionId PartitionIdOf(const bus::PendingRecord& record) {
  return {record.lease->topic(), record.lease->partition()};
}

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

RecordOutcome RefuseRecord(std::string_view reason, std::string message) {
  return {RecordOutcome::Kind::kRefused, {std::string(reason), std::move(message)}};
}

RecordOutcome Again(std::string message) {
  return {RecordOutcome::Kind::kAgain, {"unavailable", std::move(message)}};
}

std::string CapabilitiesOf(const pgvigil::v1::AgentStatus& status) {
  std::string out = status.version();
  for (const auto& one : status.capabilities()) one.AppendToString(&out);
  return out;
}

shared::Error OlderLife(const pgvigil::v1::Batch& batch, const StreamPosition& position) {
  return {
      ErrorCode::kInvalidInput,
      fmt::format("agent {} stream {}: incarnation {} is older than {}, which is stored: do two "
                  "agents share one id (a copied machine)? Remove the state directory of one "
                  "of them",
                  shared::text::ToUuid(batch.agent_id()), shared::wire::StreamName(batch.stream()),
                  batch.incarnation(), position.incarnation)};
}

}  // namespace

std::vector<GroupWriter::Reply> GroupWriter::Write(
    Connection& connection, std::span<const ingest::AcceptedBatch* const> batches) {
  std::vector<Reply> replies(batches.size(), Fail(ErrorCode::kInternal, "no reply"));
  std::vector<Unit> units;
  units.reserve(batches.size());
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
      Unit& unit = units.emplace_back();
      unit.index = i;
      unit.plans.push_back(std::move(*plan));
      continue;
    }
    const bool data = Classify(connection, plan.error()) == FailureKind::kData;
    if (!data) unplanned.insert(stream);
    replies[i] = Refuse(data, std::move(plan).error());
  }
  const auto store = [&](std::span<Unit> some) -> FailureKind {
    FailureKind failure = FailureKind::kAway;
    Result<std::vector<Decision>> stored = StoreWithRetries(connection, some, failure);
    for (size_t i = 0; i < some.size(); ++i) {
      if (stored) {
        replies[some[i].index] = std::move((*stored)[i].reply);
        continue;
      }
      replies[some[i].index] = Refuse(failure == FailureKind::kData, stored.error());
      if (failure != FailureKind::kData) held_.insert(KeyOf(some[i].plans.front()));
    }
    return stored ? FailureKind::kAway : failure;
  };
  if (!units.empty() && store(units) == FailureKind::kData && units.size() > 1) {
    metrics_.group_retries.Increment();
    for (Unit& unit : units) store(std::span(&unit, 1));
  }
  return replies;
}

std::vector<RecordOutcome> GroupWriter::WriteRecords(
    Connection& connection, std::span<const bus::PendingRecord* const> records) {
  std::vector<RecordOutcome> outcomes(records.size());
  std::vector<Unit> units;
  units.reserve(records.size());
  held_.clear();
  std::set<bus::PartitionId> blocked;  // their next record is refused, or unknown
  for (size_t i = 0; i < records.size(); ++i) {
    if (blocked.contains(PartitionIdOf(*records[i]))) continue;
    std::optional<Unit> unit = PlanRecord(connection, *records[i], outcomes[i]);
    if (unit) {
      unit->index = i;
      units.push_back(std::move(*unit));
      continue;
    }
    blocked.insert(PartitionIdOf(*records[i]));
    if (!connection.IsOpen()) return outcomes;
  }
  if (units.empty()) return outcomes;
  // False: what a record holds made it fail, and it was not alone.
  const auto store = [&](std::span<Unit> some) {
    FailureKind failure = FailureKind::kAway;
    Result<std::vector<Decision>> stored = StoreWithRetries(connection, some, failure);
    if (!stored && failure == FailureKind::kData && some.size() > 1) return false;
    for (size_t i = 0; i < some.size(); ++i) {
      RecordOutcome& outcome = outcomes[some[i].index];
      if (stored) {
        outcome = std::move((*stored)[i].outcome);
      } else if (failure == FailureKind::kData) {
        outcome = RefuseRecord("refused", stored.error().message);
      } else {
        outcome = Again(stored.error().message);
      }
    }
    return true;
  };
  if (store(units)) return outcomes;
  metrics_.group_retries.Increment();
  blocked.clear();
  for (Unit& unit : units) {
    if (blocked.contains(PartitionIdOf(*unit.record))) continue;
    store(std::span(&unit, 1));
    if (outcomes[unit.index].kind != RecordOutcome::Kind::kStored) {
      blocked.insert(PartitionIdOf(*unit.record));
    }
  }
  return outcomes;
}

std::optional<GroupWriter::Unit> GroupWriter::PlanRecord(Connection& connection,
                                                         const bus::PendingRecord& record,
                                                         RecordOutcome& outcome) {
  Unit unit;
  unit.record = &record;
  if (record.fault) {
    if (record.grave) return unit;  // only its row and its offset are left to write
    outcome = {RecordOutcome::Kind::kRefused, *record.fault};
    return std::nullopt;
  }
  for (const ingest::AcceptedBatch& accepted : record.batches) {
    Result<BatchPlan> plan = planner_.Plan(connection, accepted);
    if (!plan) {
      const bool data = Classify(connection, plan.error()) == FailureKind::kData;
      outcome = data ? RefuseRecord("refused", std::move(plan).error().message)
                     : Again(std::move(plan).error().message);
      return std::nullopt;
    }
    if (!plan->missing_layouts.empty()) {
      outcome = RefuseRecord("unknown_layout",
                             fmt::format("layout {} was never seen",
                                         shared::text::ToHex(*plan->missing_layouts.begin())));
      return std::nullopt;
    }
    unit.plans.push_back(std::move(*plan));
  }
  return unit;
}

Result<std::vector<GroupWriter::Decision>> GroupWriter::StoreWithRetries(Connection& connection,
                                                                         std::span<Unit> units,
                                                                         FailureKind& failure) {
  bool skip_known_blocks = false;
  for (int attempt = 0;; ++attempt) {
    Result<std::vector<Decision>> stored = Store(connection, units, skip_known_blocks);
    if (stored) return stored;
    const std::string sqlstate(connection.last_sqlstate());
    failure = Classify(connection, stored.error());
    if (connection.IsOpen()) (void)connection.Execute("ROLLBACK");
    const bool known_block = sqlstate == "23505" && units.size() == 1 && !skip_known_blocks &&
                             !units.front().plans.empty() &&
                             !units.front().plans.front().blocks.empty();
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

Result<std::vector<GroupWriter::Decision>> GroupWriter::Store(Connection& connection,
                                                              std::span<Unit> units,
                                                              bool skip_known_blocks) {
  std::set<Partition> partitions;
  for (const Unit& unit : units) {
    for (const BatchPlan& plan : unit.plans) {
      partitions.insert(plan.partitions.begin(), plan.partitions.end());
    }
  }
  RETURN_IF_ERROR(partitions_.Ensure(connection, partitions));
  const shared::MonotonicTime begin = clock_.Monotonic();
  Transfer transfer;
  RETURN_IF_ERROR(Lock(connection, units, transfer));
  std::vector<Decision> decisions;
  decisions.reserve(units.size());
  std::set<bus::PartitionId> blocked;
  for (const Unit& unit : units) {
    Decision& decision = decisions.emplace_back();
    if (unit.record != nullptr) {
      decision.outcome = DecideRecord(unit, blocked, transfer);
    } else {
      decision.reply = Decide(unit.plans.front(), transfer);
    }
  }
  RETURN_IF_ERROR(Copy(connection, transfer, skip_known_blocks));
  RETURN_IF_ERROR(MovePositionsAndCommit(connection, transfer));
  metrics_.commit_seconds.Observe(
      std::chrono::duration<double>(clock_.Monotonic() - begin).count());
  for (const auto& [agent, status] : transfer.statuses) {
    statuses_[agent] = {clock_.Monotonic(), CapabilitiesOf(*status)};
  }
  CountStored(transfer);
  return decisions;
}

Result<void> GroupWriter::Lock(Connection& connection, std::span<Unit> units, Transfer& transfer) {
  for (const Unit& unit : units) {
    if (unit.record != nullptr) transfer.partitions.try_emplace(PartitionIdOf(*unit.record));
    for (const BatchPlan& plan : unit.plans) {
      transfer.streams.try_emplace(KeyOf(plan));
      for (const PlannedChunk& chunk : plan.chunks) transfer.files.try_emplace(chunk.file_id);
    }
  }
  Result<void> locked = LockPositions(connection, transfer);
  if (!locked && locked.error().code == ErrorCode::kNotFound) {
    planner_.Forget();
    return Fail(ErrorCode::kUnavailable, "{}", locked.error().message);
  }
  return locked;
}

GroupWriter::Reply GroupWriter::Decide(const BatchPlan& plan, Transfer& transfer) {
  const pgvigil::v1::Batch& batch = *plan.batch;
  Transfer::Stream& stream = transfer.streams[KeyOf(plan)];
  BatchReply reply;
  reply.set_stream(batch.stream());
  if (plan.foreign) {
    stream.position.batches += 1;
    stream.moved = true;
    for (const auto& refusal : plan.refusals) *reply.add_refusals() = refusal;
    Gather(plan, transfer);
    return reply;
  }
  StreamPosition next = stream.position;
  const Verdict verdict = Advance(next, batch.incarnation(), batch.sequence());
  if (verdict == Verdict::kOlderLife) {
    return tl::make_unexpected(OlderLife(batch, stream.position));
  }
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
  stream.position = std::move(next);
  stream.moved = true;
  reply.set_acknowledged_sequence(stream.position.sequence);
  if (verdict == Verdict::kDuplicate) {
    transfer.duplicates += 1;
    return reply;
  }
  for (const auto& refusal : plan.refusals) *reply.add_refusals() = refusal;
  Gather(plan, transfer);
  return reply;
}

RecordOutcome GroupWriter::DecideRecord(const Unit& unit, std::set<bus::PartitionId>& blocked,
                                        Transfer& transfer) {
  const bus::PendingRecord& record = *unit.record;
  const bus::PartitionId id = PartitionIdOf(record);
  Transfer::Partition& partition = transfer.partitions[id];
  if (partition.epoch != record.lease->epoch()) return {RecordOutcome::Kind::kLost};
  if (blocked.contains(id)) return {RecordOutcome::Kind::kAgain};
  if (record.offset < partition.next_offset) return {RecordOutcome::Kind::kStored};
  // Only an agent's batch can be refused here, and it is the only one of its record: nothing of a
  // record is gathered before the refusal.
  for (const BatchPlan& plan : unit.plans) {
    Transfer::Stream& stream = transfer.streams[KeyOf(plan)];
    if (plan.foreign) {
      stream.moved = true;
      stream.position.batches += 1;
      Gather(plan, transfer);
      continue;
    }
    switch (Advance(stream.position, plan.batch->incarnation(), plan.batch->sequence(),
                    OlderLives::kTaken)) {
      case Verdict::kStore:
        Gather(plan, transfer);
        break;
      case Verdict::kDuplicate:
        transfer.duplicates += 1;
        break;
      case Verdict::kOlderLife:
        blocked.insert(id);
        return RefuseRecord("older_life", OlderLife(*plan.batch, stream.position).message);
    }
    stream.moved = true;
  }
  if (record.fault) transfer.dead_letters.push_back(&record);
  partition.next_offset = record.offset + 1;
  partition.anchor = record.anchor;
  partition.moved = true;
  return {RecordOutcome::Kind::kStored};
}

void GroupWriter::Gather(const BatchPlan& plan, Transfer& transfer) {
  Transfer::Stream& stream = transfer.streams[KeyOf(plan)];
  if (plan.last_event) {
    stream.last_event = std::max(stream.last_event.value_or(*plan.last_event), *plan.last_event);
  }
  transfer.stored += 1;
  transfer.samples += plan.samples;
  transfer.bytes += plan.cost_bytes;
  std::vector<BlockRow>& blocks = plan.foreign ? transfer.foreign_blocks : transfer.blocks;
  for (const PlannedBlock& block : plan.blocks) blocks.push_back({plan.host, block});
  for (const PlannedChunk& chunk : plan.chunks) GatherChunk(plan, chunk, transfer);
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

void GroupWriter::GatherChunk(const BatchPlan& plan, const PlannedChunk& chunk,
                              Transfer& transfer) {
  FilePosition& position = transfer.files[chunk.file_id];
  std::vector<const pgvigil::v1::LogRecord*> fresh;
  if (plan.foreign) {
    // Their offsets are those of a partition, which has holes, and come in order.
    for (const pgvigil::v1::LogRecord* record : chunk.records) {
      if (!position.known || record->offset() >= position.offset) fresh.push_back(record);
    }
    position.known = true;
    position.offset = std::max(position.offset, chunk.chunk->end_offset());
    position.lines += fresh.size();
  } else {
    fresh = AdvanceFile(position, chunk.chunk->begin_offset(), chunk.chunk->end_offset(),
                        chunk.records);
  }
  transfer.lines += fresh.size();
  for (LogBlock& block : BuildLogBlocks(fresh, compressor_)) {
    transfer.log_blocks.push_back({plan.host.value, chunk.file_id, std::move(block)});
  }
  for (const auto* record : fresh) {
    if (IsLogEvent(*record))
      transfer.log_events.push_back({plan.host.value, chunk.file_id, record});
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
  ASSIGN_OR_RETURN(const uint64_t known, CopyBlocksThatAreNew(connection, transfer.foreign_blocks));
  if (known > 0) metrics_.CountRefused("duplicate_block", known);
  RETURN_IF_ERROR(CopyLogBlocks(connection, transfer.log_blocks));
  RETURN_IF_ERROR(CopyLogEvents(connection, transfer.log_events));
  return CopyStatements(connection, transfer.intervals, clock_.Now());
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
  for (const auto& [key, stream] : transfer.streams) {
    metrics_.CountForgotten("sequences", stream.position.forgotten);
  }
  for (const auto& [id, file] : transfer.files) metrics_.CountForgotten("bytes", file.forgotten);
  for (const bus::PendingRecord* record : transfer.dead_letters) {
    metrics_.CountDeadLetter(record->fault->reason);
  }
  for (const auto& [key, refused] : transfer.refused) {
    metrics_.CountRefused(std::get<2>(key), refused.items);
  }
}

}  // namespace collector::storage
