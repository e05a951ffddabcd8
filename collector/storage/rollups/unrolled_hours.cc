#include "collector/storage/rollups/unrolled_hours.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "collector/storage/partition_reader.h"
#include "collector/storage/rollups/bucket.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::Result;
using shared::WallTime;
using shared::postgres::Rows;

// Hours of which one statement asks what is not compacted, so that its partitions stay few.
constexpr size_t kHoursAtOnce = 6;

class UnrolledHours {
 public:
  UnrolledHours(const api::TimeRange& range, SampleQuestion& question)
      : range_(range), question_(question) {
    ArrayText hosts;
    for (const auto& [host, wanted] : question_.hosts) hosts.Add(int64_t{host});
    host_ids_ = hosts.Take();
  }

  Result<std::vector<api::TimeRange>> Find() {
    // Rollups are made of whole days: today has none, and need not be asked about.
    const WallTime today = std::max<WallTime>(
        range_.from, std::chrono::floor<std::chrono::days>(question_.session.Now()));
    const WallTime end = std::min(range_.to, today);
    if (range_.from < end) {
      RETURN_IF_ERROR(AddDirty(end));
      RETURN_IF_ERROR(AddUncompacted(end));
    }
    std::vector<api::TimeRange> out;
    for (const WallTime hour : hours_) Add({hour, hour + 1h}, out);
    if (end < range_.to) Add({end, range_.to}, out);
    return out;
  }

 private:
  // Hours before `end` of which chunks are not rolled up.
  Result<void> AddDirty(WallTime end) {
    ASSIGN_OR_RETURN(
        const Rows rows,
        question_.session.QueryBinary(
            "/* pgvigil rollups */ SELECT DISTINCT hour FROM pgvigil.rollup_dirty"
            " WHERE host_id = ANY ($1::int4[]) AND hour >= $2::timestamptz"
            " AND hour < $3::timestamptz",
            {host_ids_, FormatTimestamp(range_.from - kIncreaseGap - 1h), FormatTimestamp(end)}));
    for (size_t row = 0; row < rows.size(); ++row) {
      AddHour(FromUnixMicros(rows.UnixMicros(row, 0)));
    }
    return {};
  }

  // Hours of blocks that begin before `end` and are in no chunk.
  Result<void> AddUncompacted(WallTime end) {
    const auto span = std::chrono::ceil<std::chrono::hours>(question_.limits.block_span);
    ASSIGN_OR_RETURN(const std::vector<WallTime> hours,
                     ReadPartitionStarts(question_.session, kBlockTable,
                                         {range_.from - span - kIncreaseGap, end}));
    for (size_t i = 0; i < hours.size(); i += kHoursAtOnce) {
      const size_t last = std::min(hours.size(), i + kHoursAtOnce) - 1;
      // Literals, so that the planner drops the partitions that cannot matter.
      ASSIGN_OR_RETURN(
          const Rows rows,
          question_.session.QueryBinary(
              fmt::format("/* pgvigil rollups */ SELECT DISTINCT window_start"
                          " FROM pgvigil.uncompacted_windows('{}', '{}', $1::int4[])",
                          FormatTimestamp(hours[i]), FormatTimestamp(hours[last] + 1h)),
              {host_ids_}));
      for (size_t row = 0; row < rows.size(); ++row) {
        const WallTime window = FromUnixMicros(rows.UnixMicros(row, 0));
        for (WallTime hour = window; hour <= window + 10min + span; hour += 1h) AddHour(hour);
      }
    }
    return {};
  }

  // And the one after it, whose first increase begins with this hour's last sample.
  void AddHour(WallTime time) {
    const WallTime hour = std::chrono::floor<std::chrono::hours>(time);
    hours_.insert(hour);
    hours_.insert(hour + kIncreaseGap);
  }

  void Add(api::TimeRange part, std::vector<api::TimeRange>& out) const {
    part.from = std::max(part.from, range_.from);
    part.to = std::min(part.to, range_.to);
    if (part.from >= part.to) return;
    if (!out.empty() && out.back().to >= part.from) {
      out.back().to = std::max(out.back().to, part.to);
    } else {
      out.push_back(part);
    }
  }

  const api::TimeRange range_;
  SampleQuestion& question_;
  std::string host_ids_;
  std::set<WallTime> hours_;
};

}  // namespace

Result<std::vector<api::TimeRange>> FindUnrolled(const api::TimeRange& range,
                                                 SampleQuestion& question) {
  return UnrolledHours(range, question).Find();
}

}  // namespace collector::storage
