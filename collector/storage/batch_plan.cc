#include "collector/storage/batch_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/sql_text.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;

constexpr size_t kIdBytes = 16;

WallTime ToTime(uint64_t unix_nano) {
  return shared::FromUnixNanos(static_cast<int64_t>(unix_nano));
}

void Raise(std::optional<WallTime>& last, WallTime time) {
  if (!last || *last < time) last = time;
}

}  // namespace

Result<BatchPlan> BatchPlanner::Plan(Connection& connection,
                                     const ingest::AcceptedBatch& accepted) {
  const pgvigil::v1::Batch& batch = accepted.batch;
  // The columns are int8, and ranges name the number after the last.
  if (batch.incarnation() >= INT64_MAX || batch.sequence() >= INT64_MAX ||
      (batch.sequence() == 0 && !accepted.foreign) || batch.agent_id().size() != kIdBytes) {
    return Fail(ErrorCode::kInvalidInput, "incarnation {}, sequence {}, agent id of {} bytes",
                batch.incarnation(), batch.sequence(), batch.agent_id().size());
  }
  BatchPlan plan;
  plan.batch = &batch;
  plan.cost_bytes = accepted.cost_bytes;
  plan.foreign = accepted.foreign;
  ASSIGN_OR_RETURN(plan.host, catalogue_.Host(connection, accepted.tenant, batch.resource()));
  ASSIGN_OR_RETURN(plan.agent, catalogue_.Agent(connection, accepted.tenant, batch.agent_id(),
                                                plan.host, batch.stream()));
  ingest::Refusals refusals;
  for (const auto& refusal : accepted.refusals) {
    refusals.Add(refusal.reason(), refusal.items(), refusal.example());
  }
  RETURN_IF_ERROR(PlanMetrics(connection, accepted, plan, refusals));
  RETURN_IF_ERROR(PlanLogs(connection, plan, refusals));
  RETURN_IF_ERROR(PlanStatements(connection, plan, refusals));
  plan.refusals = refusals.Take();
  return plan;
}

Result<void> BatchPlanner::PlanMetrics(Connection& connection,
                                       const ingest::AcceptedBatch& accepted, BatchPlan& plan,
                                       ingest::Refusals& refusals) {
  for (const auto& layout : accepted.batch.layouts()) {
    if (layout.hash().size() != kIdBytes) continue;  // its blocks will miss it
    RETURN_IF_ERROR(layouts_.Register(connection, accepted.tenant, plan.host, layout));
  }
  for (const auto& block : accepted.batch.blocks()) {
    const uint64_t samples = uint64_t{block.ticks()} * block.series();
    if (block.layout_hash().size() != kIdBytes) {
      refusals.Add("malformed_block", samples,
                   fmt::format("layout hash of {} bytes", block.layout_hash().size()));
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<LayoutEntry> layout,
                     layouts_.Find(connection, plan.host, block.layout_hash()));
    if (!layout) {
      plan.missing_layouts.insert(block.layout_hash());
      continue;
    }
    if (layout->id == 0) {
      refusals.Add("layout_limit", samples, layout->refused);
      continue;
    }
    std::string example;
    if (const std::string_view fault = BlockFault(block, layout->series, example); !fault.empty()) {
      refusals.Add(fault, samples, std::move(example));
      continue;
    }
    plan.blocks.push_back({layout->id, &block});
    plan.samples += samples;
    if (layout->refused_series > 0) {
      refusals.Add("series_limit", uint64_t{block.ticks()} * layout->refused_series,
                   layout->refused);
    }
    plan.partitions.insert(PartitionOf(kBlockTable, ToTime(block.first_unix_nano())));
    Raise(plan.last_event, ToTime(block.last_unix_nano()));
  }
  return {};
}

std::string_view BatchPlanner::BlockFault(const pgvigil::v1::MetricBlock& block,
                                          uint32_t layout_series, std::string& example) {
  const WallTime first = ToTime(block.first_unix_nano());
  const WallTime last = ToTime(block.last_unix_nano());
  if (first > last || !limits_.TakesBlock(first, last, clock_.Now())) {
    example = fmt::format("block of {} to {}", FormatTimestamp(first), FormatTimestamp(last));
    return first > last ? "malformed_block" : "timestamp_out_of_range";
  }
  if (last - first > limits_.block_span) {
    example = fmt::format("block of {} to {}", FormatTimestamp(first), FormatTimestamp(last));
    return "block_too_long";
  }
  if (block.series() != layout_series) {
    example = fmt::format("block of {} series, its layout {} has {}", block.series(),
                          shared::text::ToHex(block.layout_hash()), layout_series);
    return "malformed_block";
  }
  if (Result<void> decoded =
          decoder_.Decode(block.payload(), block.series(), block.ticks(), scratch_);
      !decoded) {
    example = std::move(decoded).error().message;
    return "malformed_block";
  }
  if (scratch_.times_unix_nano.front() != shared::ToUnixNanos(first) ||
      scratch_.times_unix_nano.back() != shared::ToUnixNanos(last)) {
    example = fmt::format("block of {} to {} holds {} to {}", block.first_unix_nano(),
                          block.last_unix_nano(), scratch_.times_unix_nano.front(),
                          scratch_.times_unix_nano.back());
    return "malformed_block";
  }
  return {};
}

Result<void> BatchPlanner::PlanLogs(Connection& connection, BatchPlan& plan,
                                    ingest::Refusals& refusals) {
  const WallTime now = clock_.Now();
  for (const auto& chunk : plan.batch->logs()) {
    if (chunk.file().id().size() != kIdBytes || chunk.begin_offset() > chunk.end_offset() ||
        chunk.end_offset() > INT64_MAX) {
      refusals.Add("malformed_log", static_cast<uint64_t>(chunk.records_size()),
                   fmt::format("bytes {} to {} of a file with an id of {} bytes",
                               chunk.begin_offset(), chunk.end_offset(), chunk.file().id().size()));
      continue;
    }
    std::optional<int32_t> instance_id;
    if (chunk.has_instance()) {
      ASSIGN_OR_RETURN(instance_id, catalogue_.Instance(connection, plan.host, chunk.instance()));
    }
    PlannedChunk planned;
    planned.chunk = &chunk;
    ASSIGN_OR_RETURN(planned.file_id, catalogue_.LogFile(connection, plan.agent, plan.host,
                                                         instance_id, chunk.file()));
    Partition day;  // of the record before
    for (const auto& record : chunk.records()) {
      const WallTime time = ToTime(record.time_unix_nano());
      if (record.offset() > INT64_MAX || !limits_.TakesRow(time, now)) {
        refusals.Add("timestamp_out_of_range", 1,
                     fmt::format("{} of {} at byte {}", FormatTimestamp(time), chunk.file().path(),
                                 record.offset()));
        continue;
      }
      planned.records.push_back(&record);
      if (time < day.from || time >= day.to) {
        day = PartitionOf(kLogBlockTable, time);
        plan.partitions.insert(day);
        plan.partitions.insert(PartitionOf(kLogEventTable, time));
      }
      Raise(plan.last_event, time);
    }
    plan.chunks.push_back(std::move(planned));
  }
  return {};
}

Result<void> BatchPlanner::PlanStatements(Connection& connection, BatchPlan& plan,
                                          ingest::Refusals& refusals) {
  const WallTime now = clock_.Now();
  for (const auto& interval : plan.batch->statements()) {
    const WallTime end = ToTime(interval.end_unix_nano());
    if (!limits_.TakesRow(end, now)) {
      refusals.Add("timestamp_out_of_range", static_cast<uint64_t>(interval.deltas_size()),
                   fmt::format("statements until {}", FormatTimestamp(end)));
      continue;
    }
    ASSIGN_OR_RETURN(const int32_t instance_id,
                     catalogue_.Instance(connection, plan.host, interval.instance()));
    RETURN_IF_ERROR(catalogue_.RegisterNames(connection, instance_id, interval));
    plan.intervals.push_back({instance_id, &interval});
    plan.partitions.insert(PartitionOf(kStatementIntervalTable, end));
    plan.partitions.insert(PartitionOf(kStatementDeltaTable, end));
    Raise(plan.last_event, end);
  }
  for (const auto& texts : plan.batch->texts()) {
    ASSIGN_OR_RETURN(const int32_t instance_id,
                     catalogue_.Instance(connection, plan.host, texts.instance()));
    RETURN_IF_ERROR(catalogue_.RegisterTexts(connection, instance_id, texts));
  }
  return {};
}

}  // namespace collector::storage
