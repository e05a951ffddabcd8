#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "collector/storage/index/value_test.h"

namespace collector::storage {

inline constexpr std::string_view kMetricLabel = "__name__";
inline constexpr std::string_view kHostLabel = "host.name";
inline constexpr std::string_view kHostKeyLabel = "host.id";

// Days since 1970, UTC.
using Day = uint16_t;
inline constexpr Day kLastDay = UINT16_MAX;
// Clamped to what a Day can say.
Day DayOf(shared::WallTime time);

// series.last_seen is raised about once a day, by the clock of PostgreSQL, and a sample may be
// ahead of it: a series can have samples up to so many days after its last_seen.
inline constexpr Day kSeenBehindDays = 3;
// A series is registered when its first block is stored, which may hold samples of before.
inline constexpr Day kBlocksBackDays = 15;

// What a selector asks, ready to be judged.
struct SeriesFilter {
  enum class Subject { kLabel, kHostName, kHostKey, kHostNameOrKey };
  struct Condition {
    Subject subject = Subject::kLabel;
    std::string name;  // of kLabel; kMetricLabel: the metric
    ValueTest test;
  };
  std::vector<Condition> conditions;
  // Series whose first day is at most `to` and whose last day is at least `from`.
  Day from = 0;
  Day to = kLastDay;

  // kInvalidInput: a pattern that is none.
  static shared::Result<SeriesFilter> Make(const api::SeriesSelector& selector);

  // The conditions (not the days) on a series in full.
  [[nodiscard]] bool Accepts(const api::SeriesRow& series, std::string_view host_key) const;
};

}  // namespace collector::storage
