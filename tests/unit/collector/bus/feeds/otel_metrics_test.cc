#include "collector/bus/feeds/otel_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "opentelemetry/proto/metrics/v1/metrics.pb.h"
#include "shared/base/version.h"
#include "tests/support/feed_batches.h"

namespace collector::bus {
namespace {

using opentelemetry::proto::metrics::v1::Metric;
using opentelemetry::proto::metrics::v1::MetricsData;
using opentelemetry::proto::metrics::v1::NumberDataPoint;
using shared::model::MetricKind;
using shared::model::Series;

constexpr size_t kRoomy = size_t{1} << 20;
constexpr int64_t kTime = 1'795'248'000'000'000'000;
const double kStale = std::bit_cast<double>(shared::model::kStaleBits);

std::vector<FeedRecord> Encode(const ingest::AcceptedBatch& batch, const std::string& encoding,
                               size_t record_bytes, uint64_t& lost) {
  const OtelMetricsFeed feed(config::KafkaFeed{true, "otel-metrics", encoding});
  std::vector<FeedRecord> out;
  lost = feed.Encode(batch, tests::BatchLayouts(batch.batch), record_bytes, out);
  return out;
}

ingest::AcceptedBatch SmallBatch() {
  ingest::AcceptedBatch batch = tests::MakeAccepted(pgvigil::v1::STREAM_METRICS);
  tests::AddBlock({{"cpu.mode", "all"}, {"zone", "a"}},
                  {{"system.cpu.time", "s", MetricKind::kCounter, {{"cpu.mode", "user"}}},
                   {"system.load", "", MetricKind::kGauge, {}},
                   {"system.cpu.time", "s", MetricKind::kCounter, {}},
                   {"system.processes", "{process}", MetricKind::kUpDownCounter, {}}},
                  {kTime, kTime + 1}, {1.5, 2.5, 0.25, kStale, 7, 8, kStale, kStale}, batch.batch);
  return batch;
}

TEST(OtelMetricsFeed, WritesAWholeDocument) {
  uint64_t lost = 9;
  const std::vector<FeedRecord> records = Encode(SmallBatch(), "otlp_json", kRoomy, lost);
  EXPECT_EQ(lost, 0u);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].key, "61616161-6161-6161-6161-616161616161");
  EXPECT_EQ(records[0].items, 7u);
  const std::string zone = R"({"key":"zone","value":{"stringValue":"a"}}])";
  const std::string user = R"("attributes":[{"key":"cpu.mode","value":{"stringValue":"user"}},)";
  const std::string all = R"("attributes":[{"key":"cpu.mode","value":{"stringValue":"all"}},)";
  EXPECT_EQ(
      records[0].value,
      R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"db1"}},)"
      R"({"key":"pgvigil.tenant","value":{"intValue":"3"}}]},)"
      R"("scopeMetrics":[{"scope":{"name":"pgvigil","version":")" +
          std::string(shared::kVersion) + R"("},"metrics":[)" +
          R"({"name":"system.cpu.time","unit":"s","sum":{"dataPoints":[)" + "{" + user + zone +
          R"(,"timeUnixNano":"1795248000000000000","asDouble":1.5},)" + "{" + user + zone +
          R"(,"timeUnixNano":"1795248000000000001","asDouble":2.5},)" + "{" + all + zone +
          R"(,"timeUnixNano":"1795248000000000000","asDouble":7},)" + "{" + all + zone +
          R"(,"timeUnixNano":"1795248000000000001","asDouble":8}],)" +
          R"("aggregationTemporality":2,"isMonotonic":true}},)" +
          R"({"name":"system.load","unit":"","gauge":{"dataPoints":[)" + "{" + all + zone +
          R"(,"timeUnixNano":"1795248000000000000","asDouble":0.25},)" + "{" + all + zone +
          R"(,"timeUnixNano":"1795248000000000001","flags":1}]}},)" +
          R"({"name":"system.processes","unit":"{process}","sum":{"dataPoints":[)" + "{" + all +
          zone + R"(,"timeUnixNano":"1795248000000000000","flags":1}],)" +
          R"("aggregationTemporality":2,"isMonotonic":false}}]}]}]})");
}

TEST(OtelMetricsFeed, WritesTheSameInProtobuf) {
  uint64_t lost = 9;
  const std::vector<FeedRecord> records = Encode(SmallBatch(), "otlp_proto", kRoomy, lost);
  EXPECT_EQ(lost, 0u);
  ASSERT_EQ(records.size(), 1u);
  MetricsData data;
  ASSERT_TRUE(data.ParseFromString(records[0].value));
  EXPECT_EQ(data.SerializeAsString().size(), records[0].value.size()) << "no unknown bytes";
  const auto& scope = data.resource_metrics(0).scope_metrics(0);
  ASSERT_EQ(scope.metrics_size(), 3);
  EXPECT_EQ(scope.scope().name(), "pgvigil");
  const Metric& cpu = scope.metrics(0);
  EXPECT_EQ(cpu.unit(), "s");
  EXPECT_TRUE(cpu.sum().is_monotonic());
  EXPECT_EQ(cpu.sum().aggregation_temporality(), 2);
  ASSERT_EQ(cpu.sum().data_points_size(), 4);
  const NumberDataPoint& point = cpu.sum().data_points(1);
  EXPECT_EQ(point.as_double(), 2.5);
  EXPECT_EQ(point.time_unix_nano(), static_cast<uint64_t>(kTime) + 1);
  EXPECT_EQ(point.start_time_unix_nano(), 0u);
  ASSERT_EQ(point.attributes_size(), 2);
  EXPECT_EQ(point.attributes(0).key(), "cpu.mode");
  EXPECT_EQ(point.attributes(0).value().string_value(), "user") << "the series' own wins";
  EXPECT_EQ(point.attributes(1).key(), "zone");
  EXPECT_TRUE(scope.metrics(1).has_gauge());
  const NumberDataPoint& gone = scope.metrics(1).gauge().data_points(1);
  EXPECT_EQ(gone.flags(), 1u);
  EXPECT_EQ(gone.value_case(), NumberDataPoint::VALUE_NOT_SET);
  EXPECT_FALSE(scope.metrics(2).sum().is_monotonic());
  EXPECT_EQ(scope.metrics(2).sum().data_points_size(), 1) << "one marker says it all";
}

TEST(OtelMetricsFeed, CutsRecordsAtTheirLimitAndLosesNoPoint) {
  constexpr uint32_t kSeed = 3;
  std::mt19937 random(kSeed);
  ingest::AcceptedBatch batch = tests::MakeAccepted(pgvigil::v1::STREAM_METRICS);
  std::vector<Series> series;
  for (int i = 0; i < 200; ++i) {
    series.push_back({"m" + std::to_string(i / 9),
                      "s",
                      MetricKind::kCounter,
                      {{"i", std::to_string(i)}, {"pad", std::string(random() % 90, 'x')}}});
  }
  std::vector<int64_t> times;
  for (int64_t tick = 0; tick < 11; ++tick) times.push_back(kTime + tick * 1'000'000'000);
  std::vector<double> values(series.size() * times.size());
  for (double& value : values) value = static_cast<double>(random());
  tests::AddBlock({}, series, times, values, batch.batch);
  for (const std::string encoding : {"otlp_proto", "otlp_json"}) {
    for (const size_t limit : {700, 4'000, 30'000}) {
      uint64_t lost = 9;
      const std::vector<FeedRecord> records = Encode(batch, encoding, limit, lost);
      EXPECT_EQ(lost, 0u);
      EXPECT_GT(records.size(), 1u);
      uint64_t items = 0;
      std::vector<double> seen;
      for (const FeedRecord& record : records) {
        EXPECT_LE(record.value.size(), limit) << encoding << ", seed " << kSeed;
        items += record.items;
        if (encoding != "otlp_proto") continue;
        MetricsData data;
        ASSERT_TRUE(data.ParseFromString(record.value));
        for (const Metric& metric : data.resource_metrics(0).scope_metrics(0).metrics()) {
          for (const NumberDataPoint& point : metric.sum().data_points()) {
            seen.push_back(point.as_double());
          }
        }
      }
      EXPECT_EQ(items, values.size());
      if (encoding == "otlp_proto") {
        EXPECT_EQ(seen, values);
      }
    }
  }
}

TEST(OtelMetricsFeed, CountsWhatItCannotRead) {
  const auto expect_lost = [](uint64_t values, const auto& spoil) {
    ingest::AcceptedBatch batch = SmallBatch();
    spoil(batch.batch);
    uint64_t lost = 0;
    EXPECT_TRUE(Encode(batch, "otlp_proto", kRoomy, lost).empty());
    EXPECT_EQ(lost, values);
  };
  expect_lost(8, [](pgvigil::v1::Batch& batch) { batch.clear_layouts(); });
  expect_lost(8, [](pgvigil::v1::Batch& batch) {
    batch.mutable_blocks(0)->mutable_payload()->back() ^= 1;
  });
  expect_lost(6, [](pgvigil::v1::Batch& batch) { batch.mutable_blocks(0)->set_series(3); });
  expect_lost(0, [](pgvigil::v1::Batch& batch) { batch.clear_blocks(); });
}

TEST(OtelMetricsFeed, StopsAtTheLimitOfABatch) {
  ingest::AcceptedBatch batch = tests::MakeAccepted(pgvigil::v1::STREAM_METRICS);
  std::vector<int64_t> times;
  for (int64_t tick = 0; tick < 4096; ++tick) times.push_back(kTime + tick);
  const size_t series = 16;
  std::vector<Series> wide;
  for (size_t i = 0; i < series; ++i) {
    wide.push_back(
        {"m", "", MetricKind::kGauge, {{"a", std::string(4096, 'a')}, {"b", std::to_string(i)}}});
  }
  tests::AddBlock({}, wide, times, std::vector<double>(series * 4096, 1.0), batch.batch);
  uint64_t lost = 0;
  uint64_t bytes = 0;
  uint64_t items = 0;
  for (const FeedRecord& record : Encode(batch, "otlp_proto", kRoomy, lost)) {
    bytes += record.value.size();
    items += record.items;
  }
  EXPECT_LE(bytes, OtelMetricsFeed::kBatchLimitBytes);
  EXPECT_GT(bytes, OtelMetricsFeed::kBatchLimitBytes * 9 / 10);
  EXPECT_EQ(items + lost, series * 4096);
}

}  // namespace
}  // namespace collector::bus
