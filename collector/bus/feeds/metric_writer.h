#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/bus/feeds/otlp_records.h"
#include "pgvigil/v1/metrics.pb.h"

namespace collector::bus {

// Attributes of one series; views into its layout.
struct PointAttribute {
  std::string_view key;
  std::string_view value;
};

// Writes OTLP Metrics, one at a time: Begin, then for each series BeginSeries and its points, then
// Finish. A counter becomes a cumulative monotonic Sum, an up-down counter a cumulative Sum, all
// else a Gauge. start_time_unix_nano stays 0, unknown: kernel and server do not say when each of
// their counters was 0.
class MetricWriter {
 public:
  virtual ~MetricWriter() = default;
  // Name, unit and kind are those of `series`, which must live until Finish.
  virtual void Begin(const pgvigil::v1::Series& series) = 0;
  // The attributes of the points that follow.
  virtual void BeginSeries(const std::vector<PointAttribute>& attributes) = 0;
  virtual void AddValue(int64_t unix_nano, double value) = 0;
  // "No value from here on": a point without a value, flagged as such.
  virtual void AddStale(int64_t unix_nano) = 0;
  // Bytes of the points since Begin.
  [[nodiscard]] virtual size_t size() const = 0;
  // About the bytes of one point of the series.
  [[nodiscard]] virtual size_t point_bytes() const = 0;
  // The encoded Metric. Valid until the next call of Begin.
  virtual std::string_view Finish() = 0;
};

std::unique_ptr<MetricWriter> MakeMetricWriter(OtlpEncoding encoding);

}  // namespace collector::bus
