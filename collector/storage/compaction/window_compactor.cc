#include "collector/storage/compaction/window_compactor.h"

#include <fmt/format.h>

#include <algorithm>

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
using shared::postgres::Transaction;

constexpr std::chrono::hours kHour{1};
constexpr int16_t kBlockFormat = 1;  // shared/wire/block_codec.h
constexpr size_t kHostsAtOnce = 64;
constexpr int64_t kBytesAtOnce = int64_t{16} << 20;
// Sources of samples: blocks by their window's place in the hour, 0 to 5; then chunks.
constexpr uint8_t kChunkSource = 7;

WallTime WindowOf(WallTime time) {
  const auto since = time.time_since_epoch();
  return WallTime(since - since % std::chrono::nanoseconds(kCompactionWindow));
}

uint8_t SourceOf(WallTime window_start) {
  return static_cast<uint8_t>(
      (window_start - std::chrono::floor<std::chrono::hours>(window_start)) / kCompactionWindow);
}

// FROM clause of the blocks of some windows, which are $1 (hosts) and $2 (window starts).
std::string BlocksOf(WallTime from, WallTime to) {
  return fmt::format(
      "FROM unnest($1::int4[], $2::timestamptz[]) AS due(host_id, window_start)"
      " JOIN pgvigil.block b ON b.host_id = due.host_id AND b.first_time >= due.window_start"
      " AND b.first_time < due.window_start + interval '10 minutes'"
      " WHERE b.first_time >= '{}' AND b.first_time < '{}'",
      FormatTimestamp(from), FormatTimestamp(to));
}

std::vector<shared::postgres::Parameter> ToArrays(std::span<const UncompactedWindow> windows) {
  ArrayText hosts, starts;
  for (const UncompactedWindow& window : windows) {
    hosts.Add(int64_t{window.host_id});
    starts.Add(std::string_view(FormatTimestamp(window.window_start)));
  }
  return {hosts.Take(), starts.Take()};
}

// Columns of the statement that reads blocks.
enum Column : size_t { kHost, kLayout, kFirst, kLast, kTicks, kFormatColumn, kHash, kData };

}  // namespace

Result<size_t> WindowCompactor::Compact(Connection& connection, const CompactionJob& job) {
  ASSIGN_OR_RETURN(const Size size, MeasureFront(connection, job));
  RETURN_IF_ERROR(families_.Prepare(connection, size.layout_ids));
  const PartitionedTable& table = job.span == kHour ? kChunkHoursTable : kChunkMinutesTable;
  RETURN_IF_ERROR(partitions_.Ensure(connection, {PartitionOf(table, job.window_start)}));
  RETURN_IF_ERROR(CompactWindows(connection, job, std::span(job.windows).first(size.windows)));
  return size.windows;
}

Result<WindowCompactor::Size> WindowCompactor::MeasureFront(Connection& connection,
                                                            const CompactionJob& job) {
  size_t end = 0;
  for (size_t hosts = 0; end < job.windows.size(); ++end) {
    if (end > 0 && job.windows[end].host_id == job.windows[end - 1].host_id) continue;
    if (++hosts > kHostsAtOnce) break;
  }
  const std::span<const UncompactedWindow> front = std::span(job.windows).first(end);
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary(
          fmt::format("/* pgvigil */ SELECT b.host_id, sum(octet_length(b.data))::int8,"
                      " array_agg(DISTINCT b.layout_id) {} GROUP BY b.host_id",
                      BlocksOf(job.window_start, job.window_start + job.span)),
          ToArrays(front)));
  std::map<int32_t, size_t> row_of_host;
  for (size_t row = 0; row < rows.size(); ++row) row_of_host[rows.Int4(row, 0)] = row;
  Size size;
  int64_t bytes = 0;
  while (size.windows < front.size()) {
    const int32_t host = front[size.windows].host_id;
    if (const auto found = row_of_host.find(host); found != row_of_host.end()) {
      bytes += rows.Int8(found->second, 1);
      if (bytes > kBytesAtOnce && size.windows > 0) break;
      const std::vector<int64_t> layouts = rows.Int8Array(found->second, 2);
      size.layout_ids.insert(size.layout_ids.end(), layouts.begin(), layouts.end());
    }
    while (size.windows < front.size() && front[size.windows].host_id == host) size.windows += 1;
  }
  return size;
}

Result<void> WindowCompactor::CompactWindows(Connection& connection, const CompactionJob& job,
                                             std::span<const UncompactedWindow> windows) {
  records_.clear();
  dirty_hours_.clear();
  chunks_.clear();
  failed_sqlstate_.clear();
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  const Result<ChunkWriter::Totals> written = Write(connection, job, windows);
  if (!written) {
    failed_sqlstate_ = connection.last_sqlstate();
    return tl::make_unexpected(written.error());
  }
  RETURN_IF_ERROR(transaction.Commit());

  metrics_.chunks.Increment(static_cast<double>(written->chunks));
  metrics_.chunk_bytes.Increment(static_cast<double>(written->bytes));
  metrics_.left_out.Increment(static_cast<double>(written->left_out));
  metrics_.duplicates.Increment(new_duplicates_);
  for (const auto& [key, record] : records_) {
    metrics_.windows.Increment();
    metrics_.samples.Increment(static_cast<double>(record.samples));
    metrics_.damaged_blocks.Increment(static_cast<double>(record.damaged));
  }
  for (const UncompactedWindow& window : windows) {
    if (window.late) metrics_.late_windows.Increment();
  }
  return {};
}

Result<ChunkWriter::Totals> WindowCompactor::Write(Connection& connection, const CompactionJob& job,
                                                   std::span<const UncompactedWindow> windows) {
  RETURN_IF_ERROR(LockChunks(connection));
  ASSIGN_OR_RETURN(
      const Rows blocks,
      connection.QueryBinary(
          fmt::format("/* pgvigil */ SELECT b.host_id, b.layout_id, b.first_time, b.last_time,"
                      " b.ticks, b.format, pgvigil.block_fingerprint(b.layout_id, b.first_time),"
                      " b.data {} ORDER BY b.host_id, b.first_time, b.layout_id",
                      BlocksOf(job.window_start, job.window_start + job.span)),
          ToArrays(windows)));
  FindFamilies(blocks);
  RETURN_IF_ERROR(TakeChunks(connection, job));
  RETURN_IF_ERROR(writer_.Begin(connection, job.window_start, job.span));
  for (size_t begin = 0; begin < blocks.size();) {
    size_t end = begin;
    while (end < blocks.size() && blocks.Int4(end, kHost) == blocks.Int4(begin, kHost)) ++end;
    if (!skipped_hosts_.contains(blocks.Int4(begin, kHost))) WriteHost(blocks, begin, end, job);
    begin = end;
  }
  ASSIGN_OR_RETURN(const ChunkWriter::Totals totals, writer_.Finish());
  RETURN_IF_ERROR(Record(connection));
  return totals;
}

void WindowCompactor::FindFamilies(const Rows& blocks) {
  skipped_hosts_.clear();
  std::set<int64_t> layouts;
  std::set<int64_t> families;
  for (size_t row = 0; row < blocks.size(); ++row) {
    const int64_t layout_id = blocks.Int8(row, kLayout);
    if (!layouts.insert(layout_id).second) continue;
    const LayoutFamilies* layout = families_.Find(layout_id);
    if (layout == nullptr) {
      skipped_hosts_.insert(blocks.Int4(row, kHost));
      continue;
    }
    for (const FamilySlice& slice : layout->slices) families.insert(slice.family_id);
  }
  family_ids_.assign(families.begin(), families.end());
}

Result<void> WindowCompactor::TakeChunks(Connection& connection, const CompactionJob& job) {
  if (!job.may_have_chunks || family_ids_.empty()) return {};
  if (job.span == kHour) {
    ASSIGN_OR_RETURN(chunks_, TakeChunksOfHour(connection, job.window_start, family_ids_));
  } else {
    ASSIGN_OR_RETURN(chunks_, TakeChunksOfWindow(connection, job.window_start, family_ids_));
  }
  return {};
}

FamilyWork& WindowCompactor::WorkOf(int64_t family_id, int32_t host_id) {
  const auto [found, is_new] = work_of_family_.try_emplace(family_id, work_of_family_.size());
  if (!is_new) return work_[found->second];
  if (work_.size() < work_of_family_.size()) work_.emplace_back();
  FamilyWork& work = work_[found->second];
  work.family_id = family_id;
  work.host_id = host_id;
  work.generation = 0;
  work.parts.clear();
  // Chunks come first: what is in them was there before the blocks that are not.
  const auto earlier = [](const StoredChunk& chunk, int64_t id) { return chunk.family_id < id; };
  auto chunk = std::lower_bound(chunks_.begin(), chunks_.end(), family_id, earlier);
  for (; chunk != chunks_.end() && chunk->family_id == family_id; ++chunk) {
    const int next = std::min(chunk->generation + 1, int{INT16_MAX});
    work.generation = std::max(work.generation, static_cast<int16_t>(next));
    chunk_parts_.Add(*chunk, kChunkSource, work.parts);
  }
  return work;
}

shared::model::Block& WindowCompactor::NextBlock() {
  if (blocks_.size() <= blocks_used_) blocks_.emplace_back();
  return blocks_[blocks_used_++];
}

void WindowCompactor::WriteHost(const Rows& blocks, size_t begin, size_t end,
                                const CompactionJob& job) {
  work_of_family_.clear();
  chunk_parts_.Clear();
  blocks_used_ = 0;
  for (size_t row = begin; row < end; ++row) AddBlock(blocks, row, job);
  const int32_t host_id = blocks.Int4(begin, kHost);
  const WallTime hour = std::chrono::floor<std::chrono::hours>(job.window_start);
  for (size_t i = 0; i < work_of_family_.size(); ++i) {
    const MergeCounts counts = writer_.Put(work_[i]);
    for (size_t source = 0; source < kChunkSource; ++source) {
      if (counts.duplicates[source] == 0) continue;
      const WallTime window = hour + static_cast<int>(source) * kCompactionWindow;
      records_[{host_id, window}].duplicates += counts.duplicates[source];
    }
  }
}

void WindowCompactor::AddBlock(const Rows& blocks, size_t row, const CompactionJob& job) {
  const int32_t host_id = blocks.Int4(row, kHost);
  const WallTime first_time = FromUnixMicros(blocks.UnixMicros(row, kFirst));
  const WallTime window = WindowOf(first_time);
  WindowRecord& record = records_[{host_id, window}];
  record.blocks += 1;
  record.fingerprint ^= static_cast<uint64_t>(blocks.Int8(row, kHash));
  const LayoutFamilies& layout = *families_.Find(blocks.Int8(row, kLayout));
  shared::model::Block& block = NextBlock();
  const auto ticks = static_cast<uint32_t>(blocks.Int2(row, kTicks));
  Result<void> decoded;
  if (blocks.Int2(row, kFormatColumn) == kBlockFormat) {
    decoded = decoder_.Decode(blocks.Text(row, kData), layout.series, ticks, block);
  } else {
    decoded =
        Fail(ErrorCode::kMalformed, "format {} is not known", blocks.Int2(row, kFormatColumn));
  }
  if (!decoded) {
    record.damaged += 1;
    shared::log::Warn("the block of host {}, layout {}, at {} is damaged and left out: {}", host_id,
                      blocks.Int8(row, kLayout), FormatTimestamp(first_time),
                      decoded.error().message);
    return;
  }
  record.samples += block.values.size();
  for (const FamilySlice& slice : layout.slices) {
    FamilyPart& part = WorkOf(slice.family_id, host_id).parts.emplace_back();
    part.times = block.times_unix_nano;
    part.members = slice.members;
    part.source = job.span == kHour ? SourceOf(window) : SourceOf(job.window_start);
    for (size_t ord = 0; ord < kFamilySeries; ++ord) {
      if ((slice.members >> ord & 1u) == 0) continue;
      part.values[ord] = block.SeriesValues(slice.positions[ord]).data();
    }
  }
  const WallTime last_time = FromUnixMicros(blocks.UnixMicros(row, kLast));
  for (WallTime hour = std::chrono::floor<std::chrono::hours>(first_time); hour <= last_time;
       hour += kHour) {
    dirty_hours_.insert({host_id, hour});
  }
}

Result<void> WindowCompactor::Record(Connection& connection) {
  ArrayText hosts, starts, blocks, fingerprints, samples, duplicates, damaged;
  for (const auto& [key, record] : records_) {
    hosts.Add(int64_t{key.first});
    starts.Add(std::string_view(FormatTimestamp(key.second)));
    blocks.Add(record.blocks);
    fingerprints.Add(static_cast<int64_t>(record.fingerprint));
    samples.Add(static_cast<int64_t>(record.samples));
    duplicates.Add(static_cast<int64_t>(record.duplicates));
    damaged.Add(static_cast<int64_t>(record.damaged));
  }
  // How many duplicates are new: a window that is compacted again finds its old ones again.
  ASSIGN_OR_RETURN(
      const Rows news,
      connection.Query(
          "/* pgvigil */ WITH new AS (SELECT * FROM unnest($1::int4[], $2::timestamptz[],"
          " $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[]) AS t(host_id,"
          " window_start, blocks, fingerprint, samples, duplicates, damaged)), old AS ("
          "SELECT c.host_id, c.window_start, c.duplicates FROM pgvigil.compacted_window c"
          " JOIN new ON new.host_id = c.host_id AND new.window_start = c.window_start), written AS "
          "("
          "INSERT INTO pgvigil.compacted_window AS c (host_id, window_start, blocks, fingerprint,"
          " samples, duplicates, damaged) SELECT * FROM new"
          " ON CONFLICT (host_id, window_start) DO UPDATE SET blocks = excluded.blocks,"
          " fingerprint = excluded.fingerprint, samples = excluded.samples,"
          " duplicates = excluded.duplicates, damaged = excluded.damaged, compacted_at = now())"
          "SELECT coalesce(sum(greatest(new.duplicates - coalesce(old.duplicates, 0), 0)), 0)"
          " FROM new LEFT JOIN old USING (host_id, window_start)",
          {hosts.Take(), starts.Take(), blocks.Take(), fingerprints.Take(), samples.Take(),
           duplicates.Take(), damaged.Take()}));
  ArrayText dirty_hosts, hours;
  for (const auto& [host_id, hour] : dirty_hours_) {
    dirty_hosts.Add(int64_t{host_id});
    hours.Add(std::string_view(FormatTimestamp(hour)));
  }
  RETURN_IF_ERROR(
      connection.Query("/* pgvigil */ INSERT INTO pgvigil.rollup_dirty AS d (host_id, hour)"
                       " SELECT * FROM unnest($1::int4[], $2::timestamptz[])"
                       " ON CONFLICT (host_id, hour) DO UPDATE SET version = d.version + 1",
                       {dirty_hosts.Take(), hours.Take()}));
  new_duplicates_ = news.Double(0, 0).value_or(0);
  return {};
}

}  // namespace collector::storage
