#include "collector/storage/sample_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>

#include "collector/storage/catalogue_reader.h"
#include "collector/storage/partition_reader.h"
#include "collector/storage/sql_text.h"
#include "shared/text/cursor.h"
#include "shared/wire/block_codec.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

// Blocks are fetched in pieces, so that memory and one statement's partitions stay bounded: some
// hosts and an hour, or few hosts and several.
constexpr size_t kHostsAtOnce = 32;
constexpr size_t kFewHosts = 4;
constexpr size_t kHoursOfFewHosts = 6;

// Where a wanted series stands in a layout, and in the answer.
struct Column {
  uint32_t position = 0;
  size_t answer = 0;
};
struct LayoutColumns {
  uint32_t series = 0;
  std::vector<Column> columns;
};

// Elements of an int8[] as PostgreSQL prints it: {1,2,3}.
std::vector<int64_t> ParseInt8Array(std::string_view text) {
  std::vector<int64_t> out;
  if (text.size() < 2) return out;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const size_t comma = text.find(',');
    out.push_back(shared::text::ParseNumber<int64_t>(text.substr(0, comma)).value_or(0));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

class Question {
 public:
  Question(ReadSession& session, const api::TimeRange& range, const SampleLimits& limits)
      : session_(session), range_(range), limits_(limits) {}

  Result<std::vector<api::SeriesSamples>> Run(std::vector<api::SeriesRow> series);

 private:
  Result<void> FindLayouts();
  Result<void> ReadHosts();
  Result<void> ReadWindow(WallTime from, WallTime to);
  Result<void> AddBlock(const Rows& rows, size_t row);
  void Sort();

  ReadSession& session_;
  const api::TimeRange range_;
  const SampleLimits limits_;
  std::vector<api::SeriesSamples> answer_;
  std::map<int64_t, LayoutColumns> layouts_;
  std::map<int64_t, std::vector<int64_t>> layouts_of_host_;
  std::vector<WallTime> hours_;  // that have partitions
  // Of the hosts that are read at the moment, arrays in SQL:
  std::string host_ids_;
  std::string layout_ids_;
  shared::wire::BlockDecoder decoder_;
  shared::model::Block block_;
  size_t samples_ = 0;
};

Result<std::vector<api::SeriesSamples>> Question::Run(std::vector<api::SeriesRow> series) {
  for (api::SeriesRow& one : series) answer_.push_back({std::move(one), {}});
  RETURN_IF_ERROR(FindLayouts());
  if (layouts_.empty()) return std::move(answer_);
  ASSIGN_OR_RETURN(hours_, ReadPartitionStarts(session_, kBlockTable,
                                               {range_.from - limits_.block_span, range_.to}));
  RETURN_IF_ERROR(ReadHosts());
  Sort();
  return std::move(answer_);
}

Result<void> Question::ReadHosts() {
  const size_t step = layouts_of_host_.size() <= kFewHosts ? kHoursOfFewHosts : 1;
  for (auto host = layouts_of_host_.begin(); host != layouts_of_host_.end();) {
    ArrayText host_ids, layout_ids;
    for (size_t i = 0; i < kHostsAtOnce && host != layouts_of_host_.end(); ++i, ++host) {
      host_ids.Add(host->first);
      for (const int64_t layout : host->second) layout_ids.Add(layout);
    }
    host_ids_ = host_ids.Take();
    layout_ids_ = layout_ids.Take();
    for (size_t i = 0; i < hours_.size(); i += step) {
      const size_t last = std::min(hours_.size(), i + step) - 1;
      RETURN_IF_ERROR(ReadWindow(hours_[i], hours_[last] + 1h));
    }
  }
  return {};
}

Result<void> Question::FindLayouts() {
  std::unordered_map<int64_t, size_t> by_id;
  std::map<int32_t, bool> hosts;
  ArrayText series_ids, host_ids;
  for (size_t i = 0; i < answer_.size(); ++i) {
    by_id[answer_[i].series.id] = i;
    hosts[answer_[i].series.host_id] = true;
    series_ids.Add(answer_[i].series.id);
  }
  for (const auto& [host, used] : hosts) host_ids.Add(int64_t{host});
  ASSIGN_OR_RETURN(
      const Rows rows,
      session_.Query("/* pgvigil samples */ SELECT id, series_ids, host_id FROM pgvigil.layout"
                     " WHERE host_id = ANY ($1::int4[]) AND series_ids && $2::int8[]"
                     // last_seen is raised once an hour, by another clock
                     " AND last_seen >= $3::timestamptz - interval '28 hours'",
                     {host_ids.Take(), series_ids.Take(), FormatTimestamp(range_.from)}));
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::vector<int64_t> ids = ParseInt8Array(rows.Text(row, 1));
    LayoutColumns columns;
    columns.series = static_cast<uint32_t>(ids.size());
    for (size_t position = 0; position < ids.size(); ++position) {
      const auto found = by_id.find(ids[position]);
      if (found == by_id.end()) continue;
      columns.columns.push_back({static_cast<uint32_t>(position), found->second});
    }
    const int64_t id = rows.Int(row, 0).value_or(0);
    layouts_of_host_[rows.Int(row, 2).value_or(0)].push_back(id);
    layouts_[id] = std::move(columns);
  }
  return {};
}

// Bounds are literals, so that the planner drops the partitions that cannot matter.
Result<void> Question::ReadWindow(WallTime from, WallTime to) {
  // A block may begin before the range and reach into it.
  from = std::max(from, range_.from - limits_.block_span);
  to = std::min(to, range_.to);
  const std::string sql = fmt::format(
      "/* pgvigil samples */ SELECT layout_id, ticks, data FROM pgvigil.block"
      " WHERE host_id = ANY ($1::int4[]) AND layout_id = ANY ($2::int8[])"
      " AND first_time >= '{}'::timestamptz AND first_time < '{}'::timestamptz"
      " AND last_time >= '{}'::timestamptz ORDER BY first_time, layout_id",
      FormatTimestamp(from), FormatTimestampUp(to), FormatTimestamp(range_.from));
  ASSIGN_OR_RETURN(const Rows rows, session_.Query(sql, {host_ids_, layout_ids_}));
  for (size_t row = 0; row < rows.size(); ++row) {
    if (row % 64 == 0) RETURN_IF_ERROR(session_.CheckDeadline());
    RETURN_IF_ERROR(AddBlock(rows, row));
  }
  return {};
}

Result<void> Question::AddBlock(const Rows& rows, size_t row) {
  const LayoutColumns& layout = layouts_.at(rows.Int(row, 0).value_or(0));
  const auto ticks = static_cast<uint32_t>(rows.Int(row, 1).value_or(0));
  if (Result<void> decoded =
          decoder_.Decode(FromByteaText(rows.Text(row, 2)), layout.series, ticks, block_);
      !decoded) {
    // It decoded when it was stored.
    return Fail(ErrorCode::kInternal, "a stored block of layout {} is damaged: {}",
                rows.Text(row, 0), decoded.error().message);
  }
  const auto& times = block_.times_unix_nano;
  const auto begin = static_cast<size_t>(
      std::lower_bound(times.begin(), times.end(), shared::ToUnixNanos(range_.from)) -
      times.begin());
  const auto end = static_cast<size_t>(
      std::lower_bound(times.begin(), times.end(), shared::ToUnixNanos(range_.to)) - times.begin());
  for (const Column& column : layout.columns) {
    const std::span<const double> values = block_.SeriesValues(column.position);
    std::vector<api::SampleRow>& samples = answer_[column.answer].samples;
    for (size_t tick = begin; tick < end; ++tick) {
      if (std::bit_cast<uint64_t>(values[tick]) == shared::model::kStaleBits) continue;
      samples.push_back({times[tick], values[tick]});
      samples_ += 1;
    }
  }
  if (samples_ > limits_.samples) {
    return Fail(ErrorCode::kResourceExhausted,
                "more than {} samples in {} series: ask for a shorter time or fewer series",
                limits_.samples, answer_.size());
  }
  return {};
}

void Question::Sort() {
  const auto earlier = [](const api::SampleRow& a, const api::SampleRow& b) {
    return a.time_unix_nano < b.time_unix_nano;
  };
  const auto same = [](const api::SampleRow& a, const api::SampleRow& b) {
    return a.time_unix_nano == b.time_unix_nano;
  };
  for (api::SeriesSamples& one : answer_) {
    auto& samples = one.samples;
    if (!std::is_sorted(samples.begin(), samples.end(), earlier)) {
      std::stable_sort(samples.begin(), samples.end(), earlier);
    }
    samples.erase(std::unique(samples.begin(), samples.end(), same), samples.end());
  }
}

}  // namespace

Result<std::vector<api::SeriesSamples>> ReadSamples(ReadSession& session, access::TenantId tenant,
                                                    const api::SeriesSelector& selector,
                                                    const api::TimeRange& range,
                                                    const SampleLimits& limits) {
  if (range.from >= range.to) {
    return Fail(ErrorCode::kInvalidInput, "the range ends before it begins: {} to {}",
                FormatTimestamp(range.from), FormatTimestamp(range.to));
  }
  // Counted exactly for the message, up to a point.
  const size_t enough = limits.series + 10'000;
  ASSIGN_OR_RETURN(std::vector<api::SeriesRow> series,
                   ReadSeries(session, tenant, selector, enough));
  if (series.size() > limits.series) {
    return Fail(
        ErrorCode::kResourceExhausted,
        "{}{} series match, at most {} can be read at once: name a host, a metric or labels",
        series.size() == enough ? "more than " : "", series.size(), limits.series);
  }
  if (series.empty()) return std::vector<api::SeriesSamples>();
  return Question(session, range, limits).Run(std::move(series));
}

}  // namespace collector::storage
