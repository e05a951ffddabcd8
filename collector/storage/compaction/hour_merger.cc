#include "collector/storage/compaction/hour_merger.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/compaction/compaction_state.h"
#include "collector/storage/partition.h"
#include "collector/storage/partition_reader.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Transaction;

constexpr std::chrono::hours kHour{1};
constexpr int kFamiliesAtOnce = 1000;

}  // namespace

Result<std::vector<WallTime>> HourMerger::FindHours(Connection& connection, WallTime closed) {
  ASSIGN_OR_RETURN(const std::vector<WallTime> hours,
                   ReadPartitionStarts(connection, kChunkMinutesTable));
  std::vector<WallTime> out;
  std::set<WallTime> merged;
  for (const WallTime hour : hours) {
    if (hour + kHour > closed) continue;
    if (!merged_.contains(hour)) {
      ASSIGN_OR_RETURN(const bool is_merged, IsMerged(connection, hour, hour + kHour));
      if (!is_merged) {
        out.push_back(hour);
        continue;
      }
    }
    merged.insert(hour);
  }
  merged_ = std::move(merged);
  return out;
}

Result<std::optional<int64_t>> HourMerger::MergeSome(Connection& connection, WallTime hour,
                                                     int64_t after) {
  failed_sqlstate_.clear();
  RETURN_IF_ERROR(partitions_.Ensure(connection, {PartitionOf(kChunkHoursTable, hour)}));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  ASSIGN_OR_RETURN(const std::vector<int64_t> families, FindFamilies(connection, hour, after));
  if (families.empty()) return std::nullopt;
  const Result<ChunkWriter::Totals> written = Rewrite(connection, hour, families);
  if (!written) {
    failed_sqlstate_ = connection.last_sqlstate();
    return tl::make_unexpected(written.error());
  }
  RETURN_IF_ERROR(transaction.Commit());
  metrics_.chunks.Increment(static_cast<double>(written->chunks));
  metrics_.chunk_bytes.Increment(static_cast<double>(written->bytes));
  metrics_.merged_samples.Increment(static_cast<double>(written->samples));
  metrics_.left_out.Increment(static_cast<double>(written->left_out));
  return families.back();
}

Result<std::vector<int64_t>> HourMerger::FindFamilies(Connection& connection, WallTime hour,
                                                      int64_t after) {
  RETURN_IF_ERROR(LockChunks(connection));
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary(
          fmt::format("/* pgvigil */ SELECT DISTINCT family_id FROM"
                      " pgvigil.chunk_minutes WHERE window_start >= '{}' AND"
                      " window_start < '{}' AND family_id > $1::int8"
                      " ORDER BY family_id LIMIT {}",
                      FormatTimestamp(hour), FormatTimestamp(hour + kHour), kFamiliesAtOnce),
          {std::to_string(after)}));
  std::vector<int64_t> out;
  for (size_t row = 0; row < rows.size(); ++row) out.push_back(rows.Int8(row, 0));
  return out;
}

Result<ChunkWriter::Totals> HourMerger::Rewrite(Connection& connection, WallTime hour,
                                                std::span<const int64_t> families) {
  ASSIGN_OR_RETURN(const std::vector<StoredChunk> chunks,
                   TakeChunksOfHour(connection, hour, families));
  RETURN_IF_ERROR(writer_.Begin(connection, hour, kHour));
  for (size_t begin = 0; begin < chunks.size();) {
    const StoredChunk& first = chunks[begin];
    parts_.Clear();
    work_.parts.clear();
    work_.family_id = first.family_id;
    work_.host_id = first.host_id;
    // The first of a family is the hour's own, when it has one.
    const int next = std::min(first.generation + 1, int{INT16_MAX});
    work_.generation = static_cast<int16_t>(first.span_minutes == 60 ? next : 0);
    size_t end = begin;
    for (; end < chunks.size() && chunks[end].family_id == work_.family_id; ++end) {
      parts_.Add(chunks[end], 0, work_.parts);
    }
    if (!work_.parts.empty()) writer_.Put(work_);
    begin = end;
  }
  return writer_.Finish();
}

}  // namespace collector::storage
