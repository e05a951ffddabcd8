#include "collector/storage/rollups/unrolled_hours.h"

#include <algorithm>
#include <set>

#include "collector/storage/rollups/bucket.h"
#include "collector/storage/sql_text.h"
#include "collector/storage/uncompacted.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::WallTime;
using shared::postgres::Rows;

// Hours of which chunks are not rolled up.
ReadStatement DirtyStatement(const api::TimeRange& hours, const SampleQuestion& question) {
  ArrayText hosts;
  for (const auto& [host, wanted] : question.hosts) hosts.Add(int64_t{host});
  return {
      "/* pgvigil rollups */ SELECT DISTINCT hour FROM pgvigil.rollup_dirty"
      " WHERE host_id = ANY ($1::int4[]) AND hour >= $2::timestamptz"
      " AND hour < $3::timestamptz",
      {hosts.Take(), FormatTimestamp(hours.from), FormatTimestamp(hours.to)}};
}

// And the one after it, whose first increase begins with this hour's last sample.
void AddHour(WallTime time, std::set<WallTime>& hours) {
  const WallTime hour = std::chrono::floor<std::chrono::hours>(time);
  hours.insert(hour);
  hours.insert(hour + kIncreaseGap);
}

}  // namespace

UnrolledHours::UnrolledHours(const api::TimeRange& range, const SampleQuestion& question)
    : range_(range),
      block_span_(std::chrono::ceil<std::chrono::hours>(question.limits.block_span)) {
  // Rollups are made of whole days: today has none, and need not be asked about.
  const WallTime today =
      std::max<WallTime>(range.from, std::chrono::floor<std::chrono::days>(question.session.Now()));
  end_ = std::min(range.to, today);
  if (range.from >= end_) return;
  statements_.push_back(DirtyStatement({range.from - kIncreaseGap - 1h, end_}, question));
  statements_.push_back(
      UncompactedStatement({range.from - block_span_ - kIncreaseGap, end_}, question));
}

std::vector<api::TimeRange> UnrolledHours::From(std::span<const Rows> answers) const {
  std::set<WallTime> hours;
  if (!answers.empty()) {
    for (size_t row = 0; row < answers[0].size(); ++row) {
      AddHour(FromUnixMicros(answers[0].UnixMicros(row, 0)), hours);
    }
    for (const BlockWindow& window : ToUncompacted(answers[1])) {
      const WallTime last = window.start + 10min + block_span_;
      for (WallTime hour = window.start; hour <= last; hour += 1h) AddHour(hour, hours);
    }
  }
  std::vector<api::TimeRange> out;
  for (const WallTime hour : hours) Add({hour, hour + 1h}, out);
  if (end_ < range_.to) Add({end_, range_.to}, out);
  return out;
}

void UnrolledHours::Add(api::TimeRange part, std::vector<api::TimeRange>& out) const {
  part.from = std::max(part.from, range_.from);
  part.to = std::min(part.to, range_.to);
  if (part.from >= part.to) return;
  if (!out.empty() && out.back().to >= part.from) {
    out.back().to = std::max(out.back().to, part.to);
  } else {
    out.push_back(part);
  }
}

}  // namespace collector::storage
