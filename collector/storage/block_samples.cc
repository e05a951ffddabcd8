#include "collector/storage/block_samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "collector/storage/layout_reader.h"
#include "collector/storage/sql_text.h"
#include "shared/wire/block_codec.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

// Blocks are fetched an hour and some hosts at a time, so that memory stays bounded.
constexpr size_t kHostsAtOnce = 32;
constexpr std::chrono::minutes kWindow{10};

// Where a wanted series stands in a layout, and in the answer.
struct Column {
  uint32_t position = 0;
  size_t answer = 0;
};
struct LayoutColumns {
  uint32_t series = 0;
  std::vector<Column> columns;
};

// Of an hour: the hosts that have blocks which are in no chunk, and in which windows.
struct Uncompacted {
  std::set<int32_t> hosts;
  WallTime first_window = WallTime::max();
  WallTime last_window = WallTime::min();
};

class BlockScan {
 public:
  BlockScan(const api::TimeRange& range, LayoutIndexes& known, SampleQuestion& question)
      : range_(range), known_(known), question_(question) {}
  Result<void> Run(const std::vector<BlockWindow>& windows);

 private:
  Result<void> FindLayouts();
  Result<void> ReadHour(const Uncompacted& hour);
  Result<void> ReadWindows(WallTime from, WallTime to);
  Result<void> AddBlock(const Rows& rows, size_t row);

  const api::TimeRange range_;
  LayoutIndexes& known_;
  SampleQuestion& question_;
  std::map<int64_t, LayoutColumns> layouts_;
  std::map<int32_t, std::vector<int64_t>> layouts_of_host_;
  std::map<WallTime, Uncompacted> uncompacted_;  // by hour
  // Of the hosts that are read at the moment, arrays in SQL:
  std::string host_ids_;
  std::string layout_ids_;
  shared::wire::BlockDecoder decoder_;
  shared::model::Block block_;
};

Result<void> BlockScan::Run(const std::vector<BlockWindow>& windows) {
  for (const BlockWindow& window : windows) {
    if (window.start >= range_.to) continue;
    Uncompacted& hour = uncompacted_[std::chrono::floor<std::chrono::hours>(window.start)];
    hour.hosts.insert(window.host_id);
    hour.first_window = std::min(hour.first_window, window.start);
    hour.last_window = std::max(hour.last_window, window.start);
  }
  if (uncompacted_.empty()) return {};
  RETURN_IF_ERROR(FindLayouts());
  for (const auto& [hour, what] : uncompacted_) RETURN_IF_ERROR(ReadHour(what));
  return {};
}

Result<void> BlockScan::ReadHour(const Uncompacted& hour) {
  for (auto host = hour.hosts.begin(); host != hour.hosts.end();) {
    ArrayText host_ids, layout_ids;
    for (size_t i = 0; i < kHostsAtOnce && host != hour.hosts.end(); ++i, ++host) {
      const auto layouts = layouts_of_host_.find(*host);
      if (layouts == layouts_of_host_.end()) continue;
      host_ids.Add(int64_t{*host});
      for (const int64_t layout : layouts->second) layout_ids.Add(layout);
    }
    host_ids_ = host_ids.Take();
    layout_ids_ = layout_ids.Take();
    RETURN_IF_ERROR(ReadWindows(hour.first_window, hour.last_window + kWindow));
  }
  return {};
}

Result<void> BlockScan::FindLayouts() {
  ArrayText host_ids;
  for (const auto& [host, wanted] : question_.hosts) host_ids.Add(int64_t{host});
  ASSIGN_OR_RETURN(const Rows rows, question_.session.QueryBinary(
                                        "/* pgvigil samples */ SELECT id FROM pgvigil.layout"
                                        " WHERE host_id = ANY ($1::int4[])"
                                        // last_seen is raised once an hour, by another clock
                                        " AND last_seen >= $2::timestamptz - interval '28 hours'",
                                        {host_ids.Take(), FormatTimestamp(range_.from)}));
  std::vector<int64_t> ids;
  for (size_t row = 0; row < rows.size(); ++row) ids.push_back(rows.Int8(row, 0));
  ASSIGN_OR_RETURN(
      const LayoutsById layouts,
      ReadLayouts(
          [this](std::string_view sql, const std::vector<shared::postgres::Parameter>& parameters) {
            return question_.session.QueryBinary(sql, parameters);
          },
          known_, ids));
  for (const auto& [id, layout] : layouts) {
    LayoutColumns columns{layout->series, {}};
    for (const SampleQuestion::Wanted& wanted : question_.hosts.at(layout->host_id)) {
      const std::optional<uint32_t> position = layout->PositionOf(wanted.series_id);
      if (position) columns.columns.push_back({*position, wanted.answer});
    }
    if (columns.columns.empty()) continue;
    layouts_of_host_[layout->host_id].push_back(id);
    layouts_.emplace(id, std::move(columns));
  }
  return {};
}

// Bounds are literals, so that the planner drops the partitions that cannot matter.
Result<void> BlockScan::ReadWindows(WallTime from, WallTime to) {
  // A block may begin before the range and reach into it.
  from = std::max(from, range_.from - question_.limits.block_span);
  to = std::min(to, range_.to);
  const std::string sql = fmt::format(
      "/* pgvigil samples */ SELECT layout_id, first_time, ticks, data FROM pgvigil.block"
      " WHERE host_id = ANY ($1::int4[]) AND layout_id = ANY ($2::int8[])"
      " AND first_time >= '{}'::timestamptz AND first_time < '{}'::timestamptz"
      " AND last_time >= '{}'::timestamptz ORDER BY first_time, layout_id",
      FormatTimestamp(from), FormatTimestampUp(to), FormatTimestamp(range_.from));
  ASSIGN_OR_RETURN(const Rows rows, question_.session.QueryBinary(sql, {host_ids_, layout_ids_}));
  for (size_t row = 0; row < rows.size(); ++row) {
    if (row % 64 == 0) RETURN_IF_ERROR(question_.Check());
    RETURN_IF_ERROR(AddBlock(rows, row));
  }
  return question_.Check();
}

Result<void> BlockScan::AddBlock(const Rows& rows, size_t row) {
  const int64_t layout_id = rows.Int8(row, 0);
  const LayoutColumns& layout = layouts_.at(layout_id);
  const auto ticks = static_cast<uint32_t>(rows.Int2(row, 2));
  if (Result<void> decoded = decoder_.Decode(rows.Text(row, 3), layout.series, ticks, block_);
      !decoded) {
    // It decoded when it was stored.
    return Fail(ErrorCode::kInternal, "a stored block of layout {} is damaged: {}", layout_id,
                decoded.error().message);
  }
  const TickRange in = TicksIn(block_.times_unix_nano, range_);
  if (in.empty()) return {};
  const auto times = std::span(block_.times_unix_nano).subspan(in.begin, in.end - in.begin);
  const SampleOrigin origin{rows.UnixMicros(row, 1), layout_id};
  for (const Column& column : layout.columns) {
    const auto values = block_.SeriesValues(column.position).subspan(in.begin, in.end - in.begin);
    question_.found.Add(column.answer, times, values, origin);
  }
  return {};
}

}  // namespace

api::TimeRange BlockBegins(const api::TimeRange& range, const SampleQuestion& question) {
  return {range.from - question.limits.block_span, range.to};
}

Result<void> AddBlockSamples(const api::TimeRange& range, const std::vector<BlockWindow>& windows,
                             LayoutIndexes& layouts, SampleQuestion& question) {
  return BlockScan(range, layouts, question).Run(windows);
}

}  // namespace collector::storage
