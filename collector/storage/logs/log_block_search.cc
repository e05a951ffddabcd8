#include "collector/storage/logs/log_block_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "collector/storage/logs/log_block.h"
#include "collector/storage/logs/log_filter.h"
#include "collector/storage/partition_reader.h"
#include "collector/storage/sql_text.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using shared::Error;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Parameter;
using shared::postgres::Rows;

constexpr size_t kBlocksAFetch = 32;

// Keys in the order of the answer.
struct InOrder {
  bool newest_first = true;
  bool operator()(const LogKey& a, const LogKey& b) const { return newest_first ? a > b : a < b; }
};

class Search {
 public:
  Search(ReadSession& session, const LogScope& scope, const api::LogQuery& query)
      : session_(session), scope_(scope), query_(query), candidates_(InOrder{query.newest_first}) {}

  Result<api::LogPage> Run() {
    const Result<void> done = Walk();
    if (done) {
      if (page_.rows.size() < query_.limit) page_.next_cursor.clear();
      return std::move(page_);
    }
    if (done.error().code != ErrorCode::kTimeout) return tl::make_unexpected(done.error());
    const std::string reached =
        blocks_ == 0 ? "nowhere" : FormatTimestamp(FromUnixMicros(reached_));
    return Fail(
        ErrorCode::kTimeout,
        "the time limit passed after {} blocks ({} MiB) of logs, at {}, with {} of {} rows "
        "found: narrow the question by time, host, severity or sqlstate, or ask for fewer rows",
        blocks_, bytes_ >> 20, reached, page_.rows.size() + candidates_.size(), query_.limit);
  }

 private:
  Result<void> Walk();
  Result<void> WalkDay(WallTime day);
  [[nodiscard]] std::string DaySql(WallTime day, std::vector<Parameter>& parameters,
                                   const std::optional<LogKey>& after_block) const;
  Result<void> AddBlock(const Rows& rows, size_t row);
  // Moves candidates to the page that come before every record of blocks whose near end is at
  // `micros`.
  void GiveOut(std::optional<int64_t> micros);
  [[nodiscard]] bool Full() const { return page_.rows.size() >= query_.limit; }

  ReadSession& session_;
  const LogScope& scope_;
  const api::LogQuery& query_;
  std::map<LogKey, api::LogRow, InOrder> candidates_;
  api::LogPage page_;
  uint64_t blocks_ = 0;
  uint64_t bytes_ = 0;
  int64_t reached_ = 0;
};

Result<void> Search::Walk() {
  ASSIGN_OR_RETURN(std::vector<WallTime> days,
                   ReadPartitionStarts(session_, kLogBlockTable, query_.range));
  if (query_.newest_first) std::reverse(days.begin(), days.end());
  for (const WallTime day : days) {
    if (scope_.after) {
      // Whole days on the far side of the cursor were given out before.
      const WallTime cursor = FromUnixMicros(scope_.after->micros);
      if (query_.newest_first ? day > cursor : day + std::chrono::days(1) <= cursor) continue;
    }
    RETURN_IF_ERROR(WalkDay(day));
    if (Full()) return {};
  }
  return {};
}

// Columns: 0 file_id, 1 near end in microseconds, 2 begin_offset, 3 data, 4 host name, 5 path, 6
// uuid, 7 format.
std::string Search::DaySql(WallTime day, std::vector<Parameter>& parameters,
                           const std::optional<LogKey>& after_block) const {
  const std::string_view near = query_.newest_first ? "b.last_time" : "b.first_time";
  const std::string_view order = query_.newest_first ? "DESC" : "ASC";
  parameters.emplace_back(std::to_string(scope_.tenant.value));
  std::string where = fmt::format(
      "h.tenant_id = $1::int4 AND b.first_time >= '{}'::timestamptz"
      " AND b.first_time < '{}'::timestamptz AND b.last_time >= '{}'::timestamptz",
      FormatTimestamp(day),
      FormatTimestampUp(std::min<WallTime>(query_.range.to, day + std::chrono::days(1))),
      FormatTimestamp(query_.range.from));
  const uint32_t mask = SeverityMask(query_.min_severity);
  if (query_.min_severity > 0) where += fmt::format(" AND (b.severity_mask & {}) <> 0", mask);
  if (scope_.host_ids) {
    parameters.emplace_back(*scope_.host_ids);
    where += fmt::format(" AND b.host_id = ANY (${}::int4[])", parameters.size());
  }
  if (scope_.after) {
    where += fmt::format(" AND {} '{}'::timestamptz",
                         query_.newest_first ? "b.first_time <=" : "b.last_time >=",
                         FormatTimestamp(FromUnixMicros(scope_.after->micros)));
  }
  if (after_block) {
    where += fmt::format(" AND ({}, b.file_id, b.begin_offset) {} ('{}'::timestamptz, {}, {})",
                         near, query_.newest_first ? '<' : '>',
                         FormatTimestamp(FromUnixMicros(after_block->micros)), after_block->file_id,
                         after_block->offset);
  }
  return fmt::format(
      "/* pgvigil logs */ SELECT b.file_id, {}, b.begin_offset, b.data, h.name, f.path, f.uuid, "
      "f.format"
      " FROM pgvigil.log_block b JOIN pgvigil.log_file f ON f.id = b.file_id"
      " JOIN pgvigil.host h ON h.id = f.host_id WHERE {}"
      " ORDER BY {} {}, b.file_id {}, b.begin_offset {} LIMIT {}",
      EpochMicros(near), where, near, order, order, order, kBlocksAFetch);
}

Result<void> Search::WalkDay(WallTime day) {
  std::optional<LogKey> after_block;
  while (true) {
    std::vector<Parameter> parameters;
    const std::string sql = DaySql(day, parameters, after_block);
    ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, parameters));
    for (size_t row = 0; row < rows.size(); ++row) {
      const int64_t near = rows.Int(row, 1).value_or(0);
      reached_ = near;
      GiveOut(near);
      if (Full()) return {};
      RETURN_IF_ERROR(session_.CheckDeadline());
      RETURN_IF_ERROR(AddBlock(rows, row));
      after_block = LogKey{near, rows.Int(row, 0).value_or(0), rows.Int(row, 2).value_or(0)};
    }
    if (rows.size() < kBlocksAFetch) break;
  }
  // No block crosses midnight: nothing of the next day can come before these.
  GiveOut(std::nullopt);
  return {};
}

Result<void> Search::AddBlock(const Rows& rows, size_t row) {
  ASSIGN_OR_RETURN(const std::string content, OpenLogBlock(FromByteaText(rows.Text(row, 3))));
  blocks_ += 1;
  bytes_ += content.size();
  if (!MayMatch(content, query_)) return {};
  ASSIGN_OR_RETURN(const pgvigil::v1::LogChunk chunk, ParseLogBlock(content));
  const InOrder in_order{query_.newest_first};
  const size_t wanted = query_.limit - page_.rows.size();
  for (const auto& record : chunk.records()) {
    const auto nanos = static_cast<int64_t>(record.time_unix_nano());
    if (nanos < shared::ToUnixNanos(query_.range.from) ||
        nanos >= shared::ToUnixNanos(query_.range.to) || !Matches(record, query_)) {
      continue;
    }
    const LogKey key{nanos / 1000, rows.Int(row, 0).value_or(0),
                     static_cast<int64_t>(record.offset())};
    if (scope_.after && !in_order(*scope_.after, key)) continue;
    if (candidates_.size() >= wanted) {
      if (!in_order(key, candidates_.rbegin()->first)) continue;
      candidates_.erase(std::prev(candidates_.end()));
    }
    api::LogRow out;
    out.time_unix_nano = nanos;
    out.host_name = rows.Text(row, 4);
    out.path = rows.Text(row, 5);
    out.file_id = shared::text::ToHex(shared::text::FromUuid(rows.Text(row, 6)).value_or(""));
    out.offset = record.offset();
    out.source = LogSource(static_cast<int>(rows.Int(row, 7).value_or(0)));
    out.severity_number = record.severity_number();
    out.severity_text = record.severity_text();
    out.body = record.body();
    out.fields = LogFields(record);
    candidates_.emplace(key, std::move(out));
  }
  return {};
}

void Search::GiveOut(std::optional<int64_t> micros) {
  while (!candidates_.empty() && !Full()) {
    const auto first = candidates_.begin();
    if (micros) {
      // A block that ends at the same instant may hold a record of a file that comes first.
      const bool before =
          query_.newest_first ? first->first.micros > *micros : first->first.micros < *micros;
      if (!before) return;
    }
    page_.rows.push_back(std::move(first->second));
    page_.next_cursor = FormatLogCursor(first->first);
    candidates_.erase(first);
  }
}

}  // namespace

Result<api::LogPage> SearchLogBlocks(ReadSession& session, const LogScope& scope,
                                     const api::LogQuery& query) {
  return Search(session, scope, query).Run();
}

}  // namespace collector::storage
