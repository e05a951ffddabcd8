#include "collector/bus/feeds/metric_writer.h"

#include <cmath>

#include "collector/bus/feeds/protobuf_bytes.h"
#include "opentelemetry/proto/metrics/v1/metrics.pb.h"
#include "shared/text/json.h"

namespace collector::bus {
namespace {

using opentelemetry::proto::common::v1::AnyValue;
using opentelemetry::proto::common::v1::KeyValue;
using opentelemetry::proto::metrics::v1::Gauge;
using opentelemetry::proto::metrics::v1::Metric;
using opentelemetry::proto::metrics::v1::NumberDataPoint;
using opentelemetry::proto::metrics::v1::Sum;
namespace otlp = opentelemetry::proto::metrics::v1;
namespace pb = protobuf_bytes;

static_assert(int{Gauge::kDataPointsFieldNumber} == int{Sum::kDataPointsFieldNumber});

bool IsSum(const pgvigil::v1::Series& series) {
  return series.kind() == pgvigil::v1::METRIC_KIND_COUNTER ||
         series.kind() == pgvigil::v1::METRIC_KIND_UP_DOWN_COUNTER;
}
bool IsMonotonic(const pgvigil::v1::Series& series) {
  return series.kind() == pgvigil::v1::METRIC_KIND_COUNTER;
}

class ProtoMetricWriter final : public MetricWriter {
 public:
  void Begin(const pgvigil::v1::Series& series) override {
    series_ = &series;
    points_.clear();
  }

  void BeginSeries(const std::vector<PointAttribute>& attributes) override {
    attributes_.clear();
    for (const PointAttribute& attribute : attributes) {
      value_.clear();
      pb::AppendField(AnyValue::kStringValueFieldNumber, attribute.value, value_);
      key_value_.clear();
      pb::AppendField(KeyValue::kKeyFieldNumber, attribute.key, key_value_);
      pb::AppendField(KeyValue::kValueFieldNumber, value_, key_value_);
      pb::AppendField(NumberDataPoint::kAttributesFieldNumber, key_value_, attributes_);
    }
  }

  void AddValue(int64_t unix_nano, double value) override {
    BeginPoint(unix_nano, kTagged64);
    pb::AppendFixed64Field(NumberDataPoint::kAsDoubleFieldNumber, value, points_);
  }

  void AddStale(int64_t unix_nano) override {
    BeginPoint(unix_nano, kTaggedFlag);
    pb::AppendVarintField(NumberDataPoint::kFlagsFieldNumber,
                          otlp::DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK, points_);
  }

  [[nodiscard]] size_t size() const override { return points_.size(); }
  [[nodiscard]] size_t point_bytes() const override { return attributes_.size() + 24; }

  std::string_view Finish() override {
    if (IsSum(*series_)) {
      pb::AppendVarintField(Sum::kAggregationTemporalityFieldNumber,
                            otlp::AGGREGATION_TEMPORALITY_CUMULATIVE, points_);
      if (IsMonotonic(*series_)) pb::AppendVarintField(Sum::kIsMonotonicFieldNumber, 1, points_);
    }
    metric_.clear();
    pb::AppendField(Metric::kNameFieldNumber, series_->name(), metric_);
    if (!series_->unit().empty()) {
      pb::AppendField(Metric::kUnitFieldNumber, series_->unit(), metric_);
    }
    pb::AppendField(IsSum(*series_) ? Metric::kSumFieldNumber : Metric::kGaugeFieldNumber, points_,
                    metric_);
    return metric_;
  }

 private:
  // Bytes of a field with its tag.
  static constexpr size_t kTagged64 = 9;
  static constexpr size_t kTaggedFlag = 2;

  void BeginPoint(int64_t unix_nano, size_t value_bytes) {
    pb::AppendTag(Gauge::kDataPointsFieldNumber, pb::WireType::kLength, points_);
    pb::AppendVarint(attributes_.size() + kTagged64 + value_bytes, points_);
    points_ += attributes_;
    pb::AppendFixed64Field(NumberDataPoint::kTimeUnixNanoFieldNumber, unix_nano, points_);
  }

  const pgvigil::v1::Series* series_ = nullptr;
  std::string attributes_;  // of the series, as fields of a point
  std::string points_;      // fields of a Gauge or a Sum
  std::string metric_;
  std::string value_;
  std::string key_value_;
};

// A double as protobuf's JSON writes it.
void AppendDouble(double value, std::string& out) {
  if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else if (value == 0 && std::signbit(value)) {
    out += "-0.0";  // many readers take "-0" for a whole number and lose the sign
  } else {
    shared::text::AppendJsonNumber(value, out);
  }
}

class JsonMetricWriter final : public MetricWriter {
 public:
  void Begin(const pgvigil::v1::Series& series) override {
    series_ = &series;
    points_.clear();
  }

  void BeginSeries(const std::vector<PointAttribute>& attributes) override {
    shared::text::JsonWriter json;
    json.BeginArray();
    for (const PointAttribute& attribute : attributes) {
      json.BeginObject().Key("key").String(attribute.key);
      json.Key("value").BeginObject().Key("stringValue").String(attribute.value).EndObject();
      json.EndObject();
    }
    json.EndArray();
    attributes_ = json.Take();
  }

  void AddValue(int64_t unix_nano, double value) override {
    BeginPoint(unix_nano);
    points_ += R"(,"asDouble":)";
    AppendDouble(value, points_);
    points_.push_back('}');
  }

  void AddStale(int64_t unix_nano) override {
    BeginPoint(unix_nano);
    points_ += R"(,"flags":1})";
  }

  [[nodiscard]] size_t size() const override { return points_.size(); }
  [[nodiscard]] size_t point_bytes() const override { return attributes_.size() + 90; }

  std::string_view Finish() override {
    shared::text::JsonWriter json;
    json.BeginObject().Key("name").String(series_->name()).Key("unit").String(series_->unit());
    json.Key(IsSum(*series_) ? "sum" : "gauge").BeginObject();
    json.Key("dataPoints").BeginArray().Raw(points_).EndArray();
    if (IsSum(*series_)) {
      json.Key("aggregationTemporality").Signed(otlp::AGGREGATION_TEMPORALITY_CUMULATIVE);
      json.Key("isMonotonic").Bool(IsMonotonic(*series_));
    }
    json.EndObject().EndObject();
    metric_ = json.Take();
    return metric_;
  }

 private:
  void BeginPoint(int64_t unix_nano) {
    if (!points_.empty()) points_.push_back(',');
    points_ += R"({"attributes":)";
    points_ += attributes_;
    points_ += R"(,"timeUnixNano":")";
    points_ += std::to_string(unix_nano);
    points_.push_back('"');
  }

  const pgvigil::v1::Series* series_ = nullptr;
  std::string attributes_;  // of the series: an array
  std::string points_;      // with commas between
  std::string metric_;
};

}  // namespace

std::unique_ptr<MetricWriter> MakeMetricWriter(OtlpEncoding encoding) {
  if (encoding == OtlpEncoding::kJson) return std::make_unique<JsonMetricWriter>();
  return std::make_unique<ProtoMetricWriter>();
}

}  // namespace collector::bus
