#include "collector/ingest/foreign/otlp_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "collector/ingest/foreign/otlp_text.h"
#include "shared/model/block.h"
#include "shared/text/utf8.h"

namespace collector::ingest::foreign {
namespace {

namespace otlp = opentelemetry::proto::metrics::v1;
using shared::model::Labels;
using shared::model::MetricKind;

std::string Excerpt(std::string_view text) {
  return shared::text::CleanUtf8(shared::text::TruncateUtf8(text, 80));
}

int PointCount(const otlp::Metric& metric) {
  return metric.gauge().data_points_size() + metric.sum().data_points_size() +
         metric.histogram().data_points_size() + metric.exponential_histogram().data_points_size() +
         metric.summary().data_points_size();
}

uint64_t PointCount(const otlp::ResourceMetrics& resource) {
  uint64_t points = 0;
  for (const auto& scope : resource.scope_metrics()) {
    for (const auto& metric : scope.metrics()) points += static_cast<uint64_t>(PointCount(metric));
  }
  return points;
}

template <typename Point>
bool HasNoValue(const Point& point) {
  return (point.flags() & otlp::DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) != 0;
}

double Stale() {
  return std::bit_cast<double>(shared::model::kStaleBits);
}

// The metrics of one scope of one resource.
class ScopeReader {
 public:
  ScopeReader(const Source& source, Labels scope_labels, const ForeignLimits& limits,
              PointTable& table, Refusals& refusals)
      : source_(source),
        scope_labels_(std::move(scope_labels)),
        limits_(limits),
        table_(table),
        refusals_(refusals) {}

  void Read(const otlp::Metric& metric) {
    metric_ = &metric;
    family_ = &table_.Open(source_, metric.name());
    switch (metric.data_case()) {
      case otlp::Metric::kGauge:
        return ReadNumbers(metric.gauge().data_points(), MetricKind::kGauge);
      case otlp::Metric::kSum:
        if (IsCumulative(metric.sum().aggregation_temporality())) {
          ReadNumbers(metric.sum().data_points(), metric.sum().is_monotonic()
                                                      ? MetricKind::kCounter
                                                      : MetricKind::kUpDownCounter);
        }
        return;
      case otlp::Metric::kHistogram:
        if (IsCumulative(metric.histogram().aggregation_temporality())) {
          for (const auto& point : metric.histogram().data_points()) ReadHistogram(point);
        }
        return;
      case otlp::Metric::kSummary:
        for (const auto& point : metric.summary().data_points()) ReadSummary(point);
        return;
      case otlp::Metric::kExponentialHistogram:
        return Refuse("exponential_histogram", PointCount(metric));
      case otlp::Metric::DATA_NOT_SET:
        return;
    }
  }

 private:
  void Refuse(std::string_view reason, int points, std::string_view detail = {}) {
    if (points == 0) return;
    refusals_.Add(
        reason, static_cast<uint64_t>(points),
        fmt::format("'{}'{}{}", Excerpt(metric_->name()), detail.empty() ? "" : ": ", detail));
  }

  bool IsCumulative(otlp::AggregationTemporality temporality) {
    if (temporality == otlp::AGGREGATION_TEMPORALITY_CUMULATIVE) return true;
    Refuse(temporality == otlp::AGGREGATION_TEMPORALITY_DELTA ? "delta_temporality"
                                                              : "unspecified_temporality",
           PointCount(*metric_));
    return false;
  }

  // False: refused.
  bool ReadLabels(const KeyValues& attributes, Labels& labels) {
    labels = scope_labels_;
    if (AppendLabels(attributes, limits_.nesting, labels)) return true;
    Refuse("nesting_limit", 1);
    return false;
  }

  void Add(std::string name, const Labels& labels, MetricKind kind, uint64_t time, double value) {
    table_.Add(*family_, {std::move(name), metric_->unit(), kind, labels}, time, value);
  }
  void AddWith(const char* label, std::string text, std::string name, Labels labels,
               MetricKind kind, uint64_t time, double value) {
    labels.push_back({label, std::move(text)});
    Add(std::move(name), labels, kind, time, value);
  }

  void ReadNumbers(const google::protobuf::RepeatedPtrField<otlp::NumberDataPoint>& points,
                   MetricKind kind);
  void ReadHistogram(const otlp::HistogramDataPoint& point);
  void ReadSummary(const otlp::SummaryDataPoint& point);

  const Source& source_;
  const Labels scope_labels_;
  const ForeignLimits& limits_;
  PointTable& table_;
  Refusals& refusals_;
  const otlp::Metric* metric_ = nullptr;
  PointTable::Family* family_ = nullptr;
};

void ScopeReader::ReadNumbers(
    const google::protobuf::RepeatedPtrField<otlp::NumberDataPoint>& points, MetricKind kind) {
  Labels labels;
  for (const auto& point : points) {
    if (!ReadLabels(point.attributes(), labels)) continue;
    double value = Stale();
    if (!HasNoValue(point)) {
      switch (point.value_case()) {
        case otlp::NumberDataPoint::kAsDouble:
          value = point.as_double();
          break;
        case otlp::NumberDataPoint::kAsInt:
          value = static_cast<double>(point.as_int());
          break;
        case otlp::NumberDataPoint::VALUE_NOT_SET:
          Refuse("malformed_point", 1, "a point without a value");
          continue;
      }
    }
    Add(metric_->name(), labels, kind, point.time_unix_nano(), value);
  }
}

void ScopeReader::ReadHistogram(const otlp::HistogramDataPoint& point) {
  const auto& bounds = point.explicit_bounds();
  const auto& counts = point.bucket_counts();
  if (static_cast<size_t>(bounds.size()) > limits_.histogram_bounds) {
    return Refuse("bucket_limit", 1,
                  fmt::format("{} bounds, at most {}", bounds.size(), limits_.histogram_bounds));
  }
  // Bounds without counts come with points that have no value.
  if (!counts.empty() && counts.size() != bounds.size() + 1) {
    return Refuse("malformed_point", 1,
                  fmt::format("{} buckets for {} bounds", counts.size(), bounds.size()));
  }
  if (std::adjacent_find(bounds.begin(), bounds.end(), [](double left, double right) {
        return !(left < right);
      }) != bounds.end()) {
    return Refuse("malformed_point", 1, "bounds that do not ascend");
  }
  uint64_t below = 0;
  for (const uint64_t count : counts) {
    if (__builtin_add_overflow(below, count, &below)) below = UINT64_MAX;
  }
  if (!HasNoValue(point) && !counts.empty() && below != point.count()) {
    return Refuse("malformed_point", 1,
                  fmt::format("{} values in buckets, {} in all", below, point.count()));
  }
  Labels labels;
  if (!ReadLabels(point.attributes(), labels)) return;
  const bool stale = HasNoValue(point);
  const uint64_t time = point.time_unix_nano();
  const auto add_bucket = [&](std::string bound, uint64_t count) {
    AddWith("le", std::move(bound), metric_->name() + "_bucket", labels, MetricKind::kCounter, time,
            stale ? Stale() : static_cast<double>(count));
  };
  below = 0;
  for (int i = 0; i < bounds.size() && (stale || !counts.empty()); ++i) {
    if (!counts.empty()) below += counts[i];
    if (std::isinf(bounds[i]) && bounds[i] > 0) continue;  // the last bucket says the same
    add_bucket(fmt::format("{}", bounds[i]), below);
  }
  add_bucket("+Inf", point.count());
  if (point.has_sum() || stale) {
    Add(metric_->name() + "_sum", labels, MetricKind::kCounter, time,
        stale ? Stale() : point.sum());
  }
  Add(metric_->name() + "_count", labels, MetricKind::kCounter, time,
      stale ? Stale() : static_cast<double>(point.count()));
}

void ScopeReader::ReadSummary(const otlp::SummaryDataPoint& point) {
  Labels labels;
  if (!ReadLabels(point.attributes(), labels)) return;
  const bool stale = HasNoValue(point);
  const uint64_t time = point.time_unix_nano();
  if (static_cast<size_t>(point.quantile_values_size()) > limits_.histogram_bounds) {
    return Refuse("bucket_limit", 1,
                  fmt::format("{} quantiles, at most {}", point.quantile_values_size(),
                              limits_.histogram_bounds));
  }
  for (const auto& quantile : point.quantile_values()) {
    AddWith("quantile", fmt::format("{}", quantile.quantile()), metric_->name(), labels,
            MetricKind::kGauge, time, stale ? Stale() : quantile.value());
  }
  Add(metric_->name() + "_sum", labels, MetricKind::kCounter, time, stale ? Stale() : point.sum());
  Add(metric_->name() + "_count", labels, MetricKind::kCounter, time,
      stale ? Stale() : static_cast<double>(point.count()));
}

}  // namespace

void ReadOtlpMetrics(
    const opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest& request,
    const ForeignRecord& record, const ForeignLimits& limits, PointTable& table,
    Refusals& refusals) {
  for (const auto& resource : request.resource_metrics()) {
    Source source;
    std::string example;
    const std::string_view fault =
        ReadSource(resource.resource().attributes(), record.topic, limits, source, example);
    if (!fault.empty()) {
      refusals.Add(fault, std::max(uint64_t{1}, PointCount(resource)), example);
      continue;
    }
    for (const auto& scope : resource.scope_metrics()) {
      Labels labels;
      if (!scope.scope().name().empty()) {
        labels.push_back({"otel.scope.name", scope.scope().name()});
        labels.push_back({"otel.scope.version", scope.scope().version()});
      }
      ScopeReader reader(source, std::move(labels), limits, table, refusals);
      for (const auto& metric : scope.metrics()) reader.Read(metric);
    }
  }
}

}  // namespace collector::ingest::foreign
