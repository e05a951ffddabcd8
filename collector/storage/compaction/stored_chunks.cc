#include "collector/storage/compaction/stored_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "collector/storage/sql_text.h"
#include "shared/log/log.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;

constexpr std::chrono::hours kHour{1};

Result<void> Take(Connection& connection, std::string_view table, WallTime from, WallTime to,
                  const std::string& family_ids, std::vector<StoredChunk>& out) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary(
          fmt::format("/* pgvigil */ DELETE FROM pgvigil.{} WHERE family_id = ANY ($1::int8[])"
                      " AND window_start >= '{}' AND window_start < '{}'"
                      " RETURNING family_id, window_start, span, host_id, generation, format, data",
                      table, FormatTimestamp(from), FormatTimestamp(to)),
          {family_ids}));
  for (size_t row = 0; row < rows.size(); ++row) {
    StoredChunk& chunk = out.emplace_back();
    chunk = {rows.Int8(row, 0), FromUnixMicros(rows.UnixMicros(row, 1)),
             rows.Int2(row, 2), rows.Int4(row, 3),
             rows.Int2(row, 4), std::string(rows.Text(row, 6))};
    if (rows.Int2(row, 5) != kChunkFormat) {
      return Fail(ErrorCode::kInternal,
                  "the chunk of family {} at {} has format {}, this collector knows {}",
                  chunk.family_id, FormatTimestamp(chunk.window_start), rows.Int2(row, 5),
                  kChunkFormat);
    }
  }
  return {};
}

std::string ToArray(std::span<const int64_t> ids) {
  ArrayText array;
  for (const int64_t id : ids) array.Add(id);
  return array.Take();
}

void Sort(std::vector<StoredChunk>& chunks) {
  std::sort(chunks.begin(), chunks.end(), [](const StoredChunk& a, const StoredChunk& b) {
    return std::tuple(a.family_id, -a.span_minutes, a.window_start) <
           std::tuple(b.family_id, -b.span_minutes, b.window_start);
  });
}

}  // namespace

Result<std::vector<StoredChunk>> TakeChunksOfHour(Connection& connection, WallTime hour,
                                                  std::span<const int64_t> family_ids) {
  const std::string ids = ToArray(family_ids);
  std::vector<StoredChunk> out;
  RETURN_IF_ERROR(Take(connection, "chunk_hours", hour, hour + kHour, ids, out));
  RETURN_IF_ERROR(Take(connection, "chunk_minutes", hour, hour + kHour, ids, out));
  Sort(out);
  return out;
}

Result<std::vector<StoredChunk>> TakeChunksOfWindow(Connection& connection, WallTime window_start,
                                                    std::span<const int64_t> family_ids) {
  std::vector<StoredChunk> out;
  RETURN_IF_ERROR(Take(connection, "chunk_minutes", window_start,
                       window_start + std::chrono::minutes(1), ToArray(family_ids), out));
  Sort(out);
  return out;
}

void ChunkParts::Add(const StoredChunk& chunk, uint8_t source, std::vector<FamilyPart>& parts) {
  if (chunks_.size() <= used_) chunks_.emplace_back();
  std::vector<ChunkGroup>& groups = chunks_[used_++];
  if (Result<void> decoded = decoder_.Decode(chunk.data, kAllMembers, groups); !decoded) {
    metrics_.damaged_chunks.Increment();
    shared::log::Error("the chunk of family {} at {} is damaged and replaced: {}", chunk.family_id,
                       FormatTimestamp(chunk.window_start), decoded.error().message);
    return;
  }
  for (const ChunkGroup& group : groups) {
    FamilyPart& part = parts.emplace_back();
    part.times = group.block.times_unix_nano;
    part.members = group.members;
    part.source = source;
    const double* values = group.block.values.data();
    for (size_t ord = 0; ord < kFamilySeries; ++ord) {
      if ((group.members >> ord & 1u) == 0) continue;
      part.values[ord] = values;
      values += part.times.size();
    }
  }
}

}  // namespace collector::storage
