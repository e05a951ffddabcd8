#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "tests/unit/collector/ingest/foreign/foreign_points.h"

namespace {

using opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

// A message of random gauges, and the line that each of its points must come out as.
class RandomMessage {
 public:
  explicit RandomMessage(uint32_t seed) : random_(seed) {
    const int64_t step = Pick(2) == 0 ? 1'000'000'000 : 600'000'000'000;  // a second, ten minutes
    const bool shared_times = Pick(3) > 0;
    for (int host = Pick(3); host >= 0; --host) {
      auto& resource = *request_.add_resource_metrics();
      Attribute(*resource.mutable_resource()->add_attributes(), "host.name", host);
      auto& scope = *resource.add_scope_metrics();
      for (int metric = Pick(4); metric >= 0; --metric) {
        auto& out = *scope.add_metrics();
        out.set_name(fmt::format("m{}", metric));
        for (int series = Pick(40); series >= 0; --series) {
          Points(out, fmt::format("host.name={} | m{} - gauge {{s={}}}", host, metric, series),
                 series, step, shared_times);
        }
        auto& points = *out.mutable_gauge()->mutable_data_points();
        std::shuffle(points.pointer_begin(), points.pointer_end(), random_);
      }
    }
  }

  ExportMetricsServiceRequest request_;
  std::vector<std::string> lines_;

 private:
  int Pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  static void Attribute(opentelemetry::proto::common::v1::KeyValue& out, const char* key,
                        int value) {
    out.set_key(key);
    out.mutable_value()->set_string_value(std::to_string(value));
  }

  void Points(opentelemetry::proto::metrics::v1::Metric& out, const std::string& prefix, int series,
              int64_t step, bool shared_times) {
    std::set<int64_t> times;
    for (int point = Pick(60); point >= 0; --point) {
      times.insert(-step * Pick(100) - (shared_times ? 0 : Pick(1'000'000)));
    }
    for (const int64_t time : times) {
      auto& point = *out.mutable_gauge()->add_data_points();
      point.set_time_unix_nano(static_cast<uint64_t>(tests::kForeignNow + time));
      const double value = std::uniform_real_distribution<double>(-1e6, 1e6)(random_);
      point.set_as_double(value);
      Attribute(*point.add_attributes(), "s", series);
      lines_.push_back(fmt::format("{} {} {}", prefix, time, value));
    }
  }

  std::mt19937 random_;
};

TEST(DecodeForeign, KeepsExactlyThePointsOfAnyMessage) {
  using namespace collector::ingest::foreign;  // NOLINT: one function
  for (uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomMessage message(seed);
    const std::string bytes = message.request_.SerializeAsString();
    const auto decoded = DecodeForeign(tests::MakeRecord(bytes), ForeignEncoding::kOtlpProto,
                                       ForeignSignal::kMetrics, ForeignLimits{},
                                       shared::FromUnixNanos(tests::kForeignNow));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(decoded->refusals.empty());
    std::vector<std::string> lines = tests::PointLines(*decoded);
    std::sort(lines.begin(), lines.end());
    std::sort(message.lines_.begin(), message.lines_.end());
    ASSERT_EQ(lines, message.lines_);
    uint64_t values = 0;
    for (const auto& batch : decoded->batches) {
      for (const auto& block : batch.blocks()) values += uint64_t{block.series()} * block.ticks();
    }
    EXPECT_LE(values, 8 * lines.size());
  }
}

TEST(DecodeForeign, GivesTheSameBatchesForTheSameRecord) {
  using namespace collector::ingest::foreign;  // NOLINT: one function
  const std::string bytes = RandomMessage(7).request_.SerializeAsString();
  std::vector<std::string> rounds;
  for (const int64_t later : {0, 5}) {
    const auto decoded = DecodeForeign(tests::MakeRecord(bytes), ForeignEncoding::kOtlpProto,
                                       ForeignSignal::kMetrics, ForeignLimits{},
                                       shared::FromUnixNanos(tests::kForeignNow + later));
    ASSERT_TRUE(decoded);
    std::string all;
    for (const auto& batch : decoded->batches) all += batch.SerializeAsString();
    rounds.push_back(std::move(all));
  }
  EXPECT_EQ(rounds[0], rounds[1]);
}

}  // namespace
