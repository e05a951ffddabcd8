#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "shared/base/clock.h"

namespace collector::ingest::foreign {

// What is taken from one record of a producer that is not ours. What is over a limit is refused by
// itself, but for the first two, which refuse the record.
struct ForeignLimits {
  size_t value_bytes = size_t{8} << 20;    // of the record
  size_t nesting = 32;                     // of JSON documents and of values within values
  size_t points = 500'000;                 // after histograms and summaries were taken apart
  size_t series_bytes = size_t{64} << 20;  // names and labels of all series
  size_t histogram_bounds = 1024;          // or quantiles, of a point
  size_t log_records = 100'000;            // fewer than 2^20, for they number the offsets
  size_t labels_per_series = 40;           // those of the resource included
  size_t resource_attributes = 64;         // those that describe the host
  size_t label_name_bytes = 255;
  size_t label_value_bytes = 4096;
  size_t unit_bytes = 63;
  size_t log_attributes = 128;
  size_t log_body_bytes = size_t{1} << 20;
  size_t log_bytes = size_t{64} << 20;  // of all records, with what the resource adds to each
  // A little inside of the store's own (collector/storage/store_limits.h), which would refuse a
  // whole block for one of its points.
  std::chrono::hours points_back{14 * 24 - 1};
  std::chrono::hours logs_back{400 * 24 - 1};
  std::chrono::hours ahead{24};

  [[nodiscard]] bool TakesPoint(uint64_t unix_nano, shared::WallTime now) const {
    return Takes(unix_nano, now - points_back, now);
  }
  [[nodiscard]] bool TakesLog(uint64_t unix_nano, shared::WallTime now) const {
    return Takes(unix_nano, now - logs_back, now);
  }

 private:
  [[nodiscard]] bool Takes(uint64_t unix_nano, shared::WallTime oldest,
                           shared::WallTime now) const {
    return unix_nano <= uint64_t{INT64_MAX} &&
           shared::FromUnixNanos(static_cast<int64_t>(unix_nano)) >= oldest &&
           shared::FromUnixNanos(static_cast<int64_t>(unix_nano)) <= now + ahead;
  }
};

}  // namespace collector::ingest::foreign
