#include "collector/storage/logs/log_merger.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/logs/log_block.h"
#include "collector/storage/logs/log_filter.h"
#include "collector/storage/logs/segment_rows.h"
#include "collector/storage/logs/varint.h"
#include "collector/storage/partition.h"
#include "collector/storage/sql_text.h"
#include "shared/log/log.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using pgvigil::v1::LogChunk;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Parameter;
using shared::postgres::Rows;
using shared::postgres::Transaction;
using shared::wire::format::ByteReader;

constexpr auto kIdle = 10s;
constexpr size_t kPilesAtOnce = 256;
constexpr size_t kMostOfATransaction = size_t{8} << 20;
constexpr uint64_t kVacuumRows = 50'000;

// Columns: 0 day, 1 file, 2 host, 3 tenant, 4 format. The whole of log_block is looked at: it holds
// what came since the last round.
constexpr std::string_view kFindPiles = R"sql(/* pgvigil log merging */
SELECT (extract(epoch FROM date_trunc('day', b.first_time))*1000000)::int8, b.file_id,
  min(b.host_id), min(h.tenant_id), min(f.format)
FROM pgvigil.log_block b JOIN pgvigil.log_file f ON f.id = b.file_id
JOIN pgvigil.host h ON h.id = b.host_id
GROUP BY 1, 2
HAVING sum(b.raw_bytes) >= $1::int8 OR count(*) >= $2::int8 OR min(b.last_time) < $3::timestamptz
ORDER BY sum(b.raw_bytes) DESC LIMIT $4::int8)sql";

// "first_time within the day and of this file": the bounds stand in the text, so that only one
// partition is planned for.
std::string WhereDay(shared::WallTime day, int64_t file_id) {
  return fmt::format(
      "first_time >= '{}'::timestamptz AND first_time < '{}'::timestamptz AND file_id = {}",
      FormatTimestamp(day), FormatTimestamp(day + std::chrono::days(1)), file_id);
}

// The records of a block's content, which must outlive them. kMalformed: not ours.
Result<std::vector<RecordParts>> ReadRecords(std::string_view content) {
  std::vector<RecordParts> out;
  ByteReader in(content);
  while (in.left() > 0) {
    if (in.TakeVarint() != (LogChunk::kRecordsFieldNumber << 3 | 2)) {
      return Fail(ErrorCode::kMalformed, "a field that is no record");
    }
    const std::string_view record = TakeText(in);
    if (in.failed()) return Fail(ErrorCode::kMalformed, "a record that is cut short");
    ASSIGN_OR_RETURN(RecordParts parts, TakeApart(record));
    out.push_back(std::move(parts));
  }
  return out;
}

}  // namespace

Result<std::chrono::milliseconds> LogMerger::Run(Connection& connection, shared::WallTime now,
                                                 std::stop_token stop) {
  const auto end = std::chrono::steady_clock::now() + options_.piece;
  if (piles_.empty()) {
    ASSIGN_OR_RETURN(piles_, FindPiles(connection, now));
  }
  bool merged = false;
  std::optional<shared::Error> failure;  // the first: one pile must not keep the others waiting
  while (!piles_.empty()) {
    if (stop.stop_requested() || std::chrono::steady_clock::now() >= end) return 0ms;
    const Pile pile = std::move(piles_.front());
    piles_.pop_front();
    const Result<bool> some = Merge(connection, pile);
    if (!some && !failure) failure = some.error();
    if (!some && !connection.IsOpen()) break;
    merged = merged || (some && *some);
  }
  if (failure) return tl::make_unexpected(std::move(*failure));
  RETURN_IF_ERROR(Vacuum(connection, merged ? kVacuumRows : 1));
  return merged ? 0ms : std::chrono::milliseconds(kIdle);
}

Result<std::deque<LogMerger::Pile>> LogMerger::FindPiles(Connection& connection,
                                                         shared::WallTime now) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query(kFindPiles,
                       {std::to_string(options_.worth_bytes), std::to_string(options_.worth_blocks),
                        FormatTimestamp(now - options_.patience), std::to_string(kPilesAtOnce)}));
  std::deque<Pile> piles;
  for (size_t row = 0; row < rows.size(); ++row) {
    piles.push_back({rows.Int(row, 1).value_or(0), static_cast<int32_t>(*rows.Int(row, 2)),
                     static_cast<int32_t>(*rows.Int(row, 3)),
                     std::string(LogSource(static_cast<int>(*rows.Int(row, 4)))),
                     FromUnixMicros(rows.Int(row, 0).value_or(0))});
  }
  return piles;
}

Result<bool> LogMerger::Merge(Connection& connection, const Pile& pile) {
  RETURN_IF_ERROR(partitions_.Ensure(connection, {PartitionOf(kLogSegmentTable, pile.day),
                                                  PartitionOf(kLogPatternCountTable, pile.day)}));
  ASSIGN_OR_RETURN(TemplateMiner* const miner, MinerOf(connection, pile));
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  Input input;
  RETURN_IF_ERROR(TakeSmallSegment(connection, pile, input));
  RETURN_IF_ERROR(TakeBlocks(connection, pile, input));
  if (input.blocks.empty()) return false;
  std::vector<LogSegment> segments;
  SegmentBuilder builder(pile.source, *miner);
  for (RecordParts& record : input.records) {
    builder.Add(std::move(record));
    if (builder.raw_bytes() >= options_.segment_bytes) segments.push_back(builder.Finish());
  }
  if (!builder.empty()) segments.push_back(builder.Finish());
  ASSIGN_OR_RETURN(const PatternIds ids,
                   StorePatterns(connection, pile.tenant_id, pile.source, segments));
  RETURN_IF_ERROR(Delete(connection, pile, input));
  RETURN_IF_ERROR(CopySegments(connection, pile.host_id, pile.file_id, segments, ids));
  RETURN_IF_ERROR(transaction.Commit());
  deleted_[PartitionOf(kLogBlockTable, pile.day).name] += input.blocks.size();
  return true;
}

Result<void> LogMerger::TakeSmallSegment(Connection& connection, const Pile& pile, Input& input) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary(fmt::format(
          "/* pgvigil log merging */ SELECT first_time, begin_offset, bodies, fields, format"
          " FROM (SELECT * FROM pgvigil.log_segment WHERE {}"
          " ORDER BY begin_offset DESC LIMIT 1) s WHERE raw_bytes < {}",
          WhereDay(pile.day, pile.file_id), options_.worth_bytes)));
  if (rows.size() == 0) return {};
  const int16_t format = rows.Int2(0, 4);
  ASSIGN_OR_RETURN(const SegmentBodies bodies, SegmentBodies::Open(format, rows.Text(0, 2)));
  ASSIGN_OR_RETURN(const BodyColumns::Bodies text, bodies.columns().PutTogether());
  ASSIGN_OR_RETURN(const SegmentFields fields, SegmentFields::Open(format, rows.Text(0, 3), text));
  for (size_t line = 0; line < fields.columns().lines(); ++line) {
    input.contents.push_back(fields.columns().Encoded(line, text.at(line)));
    ASSIGN_OR_RETURN(RecordParts record, TakeApart(input.contents.back()));
    input.records.push_back(std::move(record));
  }
  input.segment = {rows.UnixMicros(0, 0), rows.Int8(0, 1)};
  return {};
}

Result<void> LogMerger::TakeBlock(std::string_view data, Input& input) {
  ASSIGN_OR_RETURN(std::string content, OpenLogBlock(data));
  input.contents.push_back(std::move(content));
  ASSIGN_OR_RETURN(std::vector<RecordParts> records, ReadRecords(input.contents.back()));
  std::move(records.begin(), records.end(), std::back_inserter(input.records));
  return {};
}

Result<void> LogMerger::TakeBlocks(Connection& connection, const Pile& pile, Input& input) {
  // What stands after an unreadable block may go on without it: offsets stay in order.
  std::string readable;
  for (const auto& [file, time, offset] : unreadable_) {
    if (file == pile.file_id) readable += fmt::format(" AND begin_offset <> {}", offset);
  }
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.QueryBinary(fmt::format(
          "/* pgvigil log merging */ SELECT b.first_time, b.begin_offset, b.data FROM"
          " (SELECT *, sum(raw_bytes) OVER (ORDER BY begin_offset) - raw_bytes AS before"
          " FROM pgvigil.log_block WHERE {}{}) b WHERE b.before < {} ORDER BY b.begin_offset",
          WhereDay(pile.day, pile.file_id), readable, kMostOfATransaction)));
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::pair<int64_t, int64_t> key{rows.UnixMicros(row, 0), rows.Int8(row, 1)};
    Result<void> taken = TakeBlock(rows.Text(row, 2), input);
    if (!taken) {
      unreadable_.insert({pile.file_id, key.first, key.second});
      shared::log::Error("log block of file {} at offset {} is not merged: {}", pile.file_id,
                         key.second, taken.error().message);
      continue;
    }
    input.blocks.push_back(key);
  }
  return {};
}

Result<void> LogMerger::Delete(Connection& connection, const Pile& pile, const Input& input) {
  const auto take = [&](std::string_view table,
                        const std::vector<std::pair<int64_t, int64_t>>& keys,
                        size_t count) -> Result<void> {
    ArrayText times, offsets;
    for (const auto& [time, offset] : keys) {
      times.Add(std::string_view(FormatTimestamp(FromUnixMicros(time))));
      offsets.Add(offset);
    }
    ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Query(fmt::format("/* pgvigil log merging */ DELETE FROM pgvigil.{} WHERE {} AND"
                                     " (first_time, begin_offset) IN"
                                     " (SELECT * FROM unnest($1::timestamptz[], $2::int8[]))",
                                     table, WhereDay(pile.day, pile.file_id)),
                         {times.Take(), offsets.Take()}));
    if (rows.affected() == count) return {};
    return Fail(ErrorCode::kUnavailable,
                "pgvigil.{}: {} of {} rows of file {} are gone: does another collector merge, too?",
                table, count - rows.affected(), count, pile.file_id);
  };
  RETURN_IF_ERROR(take("log_block", input.blocks, input.blocks.size()));
  if (!input.segment) return {};
  RETURN_IF_ERROR(take("log_segment", {*input.segment}, 1));
  return take("log_pattern_count", {*input.segment}, 1);
}

Result<TemplateMiner*> LogMerger::MinerOf(Connection& connection, const Pile& pile) {
  const auto [found, added] =
      miners_.try_emplace(std::pair(pile.tenant_id, pile.source), TemplateMiner());
  TemplateMiner& miner = found->second;
  if (!added) return &miner;
  Result<Rows> rows = connection.Query(
      "/* pgvigil log merging */ SELECT template FROM pgvigil.log_pattern"
      " WHERE tenant_id = $1::int4 AND source = $2 ORDER BY last_seen DESC LIMIT 4096",
      {std::to_string(pile.tenant_id), pile.source});
  if (!rows) {
    miners_.erase(found);
    return tl::make_unexpected(std::move(rows).error());
  }
  for (size_t row = 0; row < rows->size(); ++row) {
    if (const auto known = ParseTemplate(rows->Text(row, 0))) miner.Learn(*known);
  }
  return &miner;
}

// What is merged leaves dead rows; given back at once, log_block stays as small as what waits.
Result<void> LogMerger::Vacuum(Connection& connection, uint64_t least_rows) {
  for (auto at = deleted_.begin(); at != deleted_.end();) {
    if (at->second < least_rows) {
      ++at;
      continue;
    }
    const std::string partition = at->first;
    at = deleted_.erase(at);
    RETURN_IF_ERROR(connection.Execute(fmt::format("VACUUM pgvigil.{}", partition)));
  }
  return {};
}

}  // namespace collector::storage
