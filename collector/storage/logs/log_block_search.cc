#include "collector/storage/logs/log_block_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

#include "collector/storage/logs/log_block.h"
#include "collector/storage/logs/log_candidates.h"
#include "collector/storage/logs/log_directory.h"
#include "collector/storage/logs/log_filter.h"
#include "collector/storage/logs/log_segment.h"
#include "collector/storage/partition_reader.h"
#include "collector/storage/sql_text.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using pgvigil::v1::LogRecord;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Parameter;
using shared::postgres::Rows;

constexpr size_t kMostOfAFetch = 32;  // blocks

class Search {
 public:
  Search(ReadSession& session, const LogScope& scope, const api::LogQuery& query)
      : session_(session), scope_(scope), query_(query), found_(scope, query) {}

  Result<api::LogPage> Run() {
    const Result<void> done = Walk();
    if (done) return found_.TakePage();
    if (done.error().code != ErrorCode::kTimeout) return tl::make_unexpected(done.error());
    const std::string reached =
        blocks_ == 0 ? "nowhere" : FormatTimestamp(FromUnixMicros(reached_));
    return Fail(
        ErrorCode::kTimeout,
        "the time limit passed after {} blocks ({} MiB) of logs, at {}, with {} of {} rows "
        "found: narrow the question by time, host, severity or sqlstate, or ask for fewer rows",
        blocks_, bytes_ >> 20, reached, found_.count(), query_.limit);
  }

 private:
  struct File {
    std::string host_name, path, uuid;
    int format = 0;
  };
  using Blocks = std::span<const LogBlockRef>;

  Result<void> Walk();
  Result<void> WalkDay(WallTime day);
  Result<void> SearchPage(WallTime day, Blocks page);
  Result<void> SearchBlocks(WallTime day, Blocks blocks);
  // Rows of `columns` of those of `blocks` that are in `table`, by time, file and offset.
  using Fetched = std::map<std::tuple<int64_t, int64_t, int64_t>, size_t>;
  Result<Rows> Fetch(WallTime day, std::string_view table, std::string_view columns, Blocks blocks,
                     Fetched& at);
  Result<void> AddBlock(const LogBlockRef& block, std::string_view data);
  Result<void> AddSegment(const LogBlockRef& block, const SegmentBodies& bodies,
                          std::string_view fields);
  void Offer(const LogBlockRef& block, const LogRecord& record);
  Result<void> LearnFiles(Blocks blocks);

  ReadSession& session_;
  const LogScope& scope_;
  const api::LogQuery& query_;
  LogCandidates found_;
  std::map<int64_t, File> files_;
  BodyWords words_;   // buffer
  size_t fetch_ = 1;  // blocks; grows
  uint64_t blocks_ = 0;
  uint64_t bytes_ = 0;
  int64_t reached_ = 0;
};

Result<void> Search::Walk() {
  // Both tables have the same days, or log_block has more.
  ASSIGN_OR_RETURN(std::vector<WallTime> days,
                   ReadPartitionStarts(session_, kLogBlockTable, query_.range));
  ASSIGN_OR_RETURN(const std::vector<WallTime> more,
                   ReadPartitionStarts(session_, kLogSegmentTable, query_.range));
  days.insert(days.end(), more.begin(), more.end());
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
  if (query_.newest_first) std::reverse(days.begin(), days.end());
  for (const WallTime day : days) {
    if (scope_.after) {
      // Whole days on the far side of the cursor were given out before.
      const WallTime cursor = FromUnixMicros(scope_.after->micros);
      if (query_.newest_first ? day > cursor : day + std::chrono::days(1) <= cursor) continue;
    }
    RETURN_IF_ERROR(WalkDay(day));
    if (found_.full()) return {};
  }
  return {};
}

Result<void> Search::WalkDay(WallTime day) {
  LogDirectory directory(session_, scope_, query_, day);
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<LogBlockRef> page, directory.NextPage());
    if (page.empty()) break;
    RETURN_IF_ERROR(SearchPage(day, page));
    if (found_.full()) return {};
  }
  // No block crosses midnight: nothing of the next day can come before these.
  found_.GiveOut(std::nullopt);
  return {};
}

Result<void> Search::SearchPage(WallTime day, Blocks page) {
  while (!page.empty()) {
    found_.GiveOut(page.front().near);
    if (found_.full()) return {};
    std::vector<LogBlockRef> some;
    size_t looked_at = 0;
    for (; looked_at < page.size() && some.size() < fetch_; ++looked_at) {
      if (!page[looked_at].pruned) some.push_back(page[looked_at]);
    }
    if (!some.empty()) RETURN_IF_ERROR(SearchBlocks(day, some));
    fetch_ = std::min(2 * fetch_, kMostOfAFetch);
    page = page.subspan(looked_at);
  }
  return {};
}

Result<void> Search::SearchBlocks(WallTime day, Blocks blocks) {
  RETURN_IF_ERROR(session_.CheckDeadline());
  RETURN_IF_ERROR(LearnFiles(blocks));
  Fetched in_blocks, in_segments, in_fields;
  ASSIGN_OR_RETURN(const Rows data, Fetch(day, "log_block", "data", blocks, in_blocks));
  const bool all_fields = scope_.needles.empty();
  ASSIGN_OR_RETURN(
      const Rows bodies,
      Fetch(day, "log_segment", all_fields ? "format, t.bodies, t.fields" : "format, t.bodies",
            blocks, in_segments));
  // Most segments end here when a needle is rare: their fields are never fetched.
  std::vector<LogBlockRef> matching;
  std::map<std::tuple<int64_t, int64_t, int64_t>, SegmentBodies> opened;
  for (const LogBlockRef& block : blocks) {
    const std::tuple key{block.first_time, block.file_id, block.begin_offset};
    const auto row = in_segments.find(key);
    if (row == in_segments.end()) continue;
    RETURN_IF_ERROR(session_.CheckDeadline());
    ASSIGN_OR_RETURN(SegmentBodies segment,
                     SegmentBodies::Open(bodies.Int2(row->second, 3), bodies.Text(row->second, 4)));
    blocks_ += 1;
    bytes_ += segment.size();
    const bool may_match = std::all_of(
        scope_.needles.begin(), scope_.needles.end(),
        [&](const LogNeedle& needle) { return segment.columns().MayContain(LongestPart(needle)); });
    if (!may_match) continue;
    matching.push_back(block);
    opened.emplace(key, std::move(segment));
  }
  std::optional<Rows> fields;
  if (!all_fields && !matching.empty()) {
    ASSIGN_OR_RETURN(fields, Fetch(day, "log_segment", "fields", matching, in_fields));
  }
  for (const LogBlockRef& block : blocks) {
    reached_ = block.near;
    found_.GiveOut(block.near);
    if (found_.full()) return {};
    RETURN_IF_ERROR(session_.CheckDeadline());
    const std::tuple key{block.first_time, block.file_id, block.begin_offset};
    if (const auto row = in_blocks.find(key); row != in_blocks.end()) {
      RETURN_IF_ERROR(AddBlock(block, data.Text(row->second, 3)));
    } else if (const auto segment = opened.find(key); segment != opened.end()) {
      const std::string_view of_segment =
          all_fields ? bodies.Text(in_segments.at(key), 5) : fields->Text(in_fields.at(key), 3);
      RETURN_IF_ERROR(AddSegment(block, segment->second, of_segment));
    }
  }
  return {};
}

Result<Rows> Search::Fetch(WallTime day, std::string_view table, std::string_view columns,
                           Blocks blocks, Fetched& at) {
  const bool segments = table == "log_segment";
  ArrayText times, files, offsets;
  for (const LogBlockRef& block : blocks) {
    if (block.segment != segments) continue;
    times.Add(std::string_view(FormatTimestamp(FromUnixMicros(block.first_time))));
    files.Add(block.file_id);
    offsets.Add(block.begin_offset);
  }
  ASSIGN_OR_RETURN(
      Rows rows,
      session_.QueryBinary(
          fmt::format("/* pgvigil logs */ SELECT t.first_time, t.file_id, t.begin_offset, t.{}"
                      " FROM unnest($1::timestamptz[], $2::int8[], $3::int8[])"
                      " AS k (first_time, file_id, begin_offset) JOIN pgvigil.{} t ON"
                      " t.first_time = k.first_time AND t.file_id = k.file_id"
                      " AND t.begin_offset = k.begin_offset WHERE t.first_time >= '{}'::timestamptz"
                      " AND t.first_time < '{}'::timestamptz",
                      columns, table, FormatTimestamp(day),
                      FormatTimestamp(day + std::chrono::days(1))),
          {times.Take(), files.Take(), offsets.Take()}));
  for (size_t row = 0; row < rows.size(); ++row) {
    at[{rows.UnixMicros(row, 0), rows.Int8(row, 1), rows.Int8(row, 2)}] = row;
  }
  return rows;
}

Result<void> Search::AddBlock(const LogBlockRef& block, std::string_view data) {
  ASSIGN_OR_RETURN(const std::string content, OpenLogBlock(data));
  blocks_ += 1;
  bytes_ += content.size();
  if (!MayMatch(content, query_)) return {};
  ASSIGN_OR_RETURN(const pgvigil::v1::LogChunk chunk, ParseLogBlock(content));
  for (const LogRecord& record : chunk.records()) {
    if (found_.Wants(block.file_id, record.offset(),
                     static_cast<int64_t>(record.time_unix_nano()))) {
      Offer(block, record);
    }
  }
  return {};
}

Result<void> Search::AddSegment(const LogBlockRef& block, const SegmentBodies& bodies,
                                std::string_view data) {
  ASSIGN_OR_RETURN(const BodyColumns::Bodies texts, bodies.columns().PutTogether());
  ASSIGN_OR_RETURN(const SegmentFields opened, SegmentFields::Open(bodies.format(), data, texts));
  const FieldColumns& fields = opened.columns();
  for (size_t i = 0; i < fields.lines(); ++i) {
    // From the end that comes first, so that what comes later is mostly not wanted any more.
    const size_t line = query_.newest_first ? fields.lines() - 1 - i : i;
    if (!found_.Wants(block.file_id, fields.offset(line), fields.time_unix_nano(line))) continue;
    const std::string_view body = texts.at(line);
    const bool matches =
        std::all_of(scope_.needles.begin(), scope_.needles.end(),
                    [&](const LogNeedle& needle) { return HasNeedle(body, needle); });
    if (!matches) continue;
    ASSIGN_OR_RETURN(const LogRecord record, fields.Record(line, body));
    Offer(block, record);
  }
  return {};
}

void Search::Offer(const LogBlockRef& block, const LogRecord& record) {
  if (!Matches(record, query_)) return;
  if (scope_.form && !scope_.form->Matches(record.body(), words_)) return;
  const File& file = files_[block.file_id];
  api::LogRow out;
  out.time_unix_nano = static_cast<int64_t>(record.time_unix_nano());
  out.host_name = file.host_name;
  out.path = file.path;
  out.file_id = file.uuid;
  out.offset = record.offset();
  out.source = LogSource(file.format);
  out.severity_number = record.severity_number();
  out.severity_text = record.severity_text();
  out.body = record.body();
  out.fields = LogFields(record);
  found_.Add(block.file_id, std::move(out));
}

Result<void> Search::LearnFiles(Blocks blocks) {
  ArrayText missing;
  bool any = false;
  for (const LogBlockRef& block : blocks) {
    if (!files_.try_emplace(block.file_id).second) continue;
    missing.Add(block.file_id);
    any = true;
  }
  if (!any) return {};
  ASSIGN_OR_RETURN(const Rows rows,
                   session_.Query("/* pgvigil logs */ SELECT f.id, h.name, f.path, f.uuid, f.format"
                                  " FROM pgvigil.log_file f JOIN pgvigil.host h ON h.id = f.host_id"
                                  " WHERE f.id = ANY ($1::int8[])",
                                  {missing.Take()}));
  for (size_t row = 0; row < rows.size(); ++row) {
    files_[rows.Int(row, 0).value_or(0)] = {
        std::string(rows.Text(row, 1)), std::string(rows.Text(row, 2)),
        shared::text::ToHex(shared::text::FromUuid(rows.Text(row, 3)).value_or("")),
        static_cast<int>(rows.Int(row, 4).value_or(0))};
  }
  return {};
}

}  // namespace

Result<api::LogPage> SearchLogBlocks(ReadSession& session, const LogScope& scope,
                                     const api::LogQuery& query) {
  return Search(session, scope, query).Run();
}

}  // namespace collector::storage
