#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "collector/ingest/batch_check.h"
#include "collector/ingest/foreign/otlp_logs.h"
#include "collector/ingest/foreign/otlp_metrics.h"
#include "shared/text/hex.h"
#include "tests/unit/collector/ingest/foreign/foreign_points.h"

namespace {

using collector::ingest::foreign::DecodeForeign;
using collector::ingest::foreign::ForeignDecoded;
using collector::ingest::foreign::ForeignEncoding;
using collector::ingest::foreign::ForeignLimits;
using collector::ingest::foreign::ForeignSignal;
using testing::ElementsAre;
using tests::PointLines;
using tests::RefusalLines;

std::string ReadFixture(const std::string& name) {
  std::ifstream file(PGVIGIL_FIXTURES "/otlp/" + name);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

std::string ReadHexFixture(const std::string& name) {
  std::string digits = ReadFixture(name);
  std::erase(digits, '\n');
  return shared::text::FromHex(digits).value_or("");
}

shared::Result<ForeignDecoded> Try(std::string_view value, ForeignEncoding encoding,
                                   ForeignSignal signal, const ForeignLimits& limits = {}) {
  return DecodeForeign(tests::MakeRecord(value), encoding, signal, limits,
                       shared::FromUnixNanos(tests::kForeignNow));
}

ForeignDecoded Decode(std::string_view value, ForeignEncoding encoding, ForeignSignal signal,
                      const ForeignLimits& limits = {}) {
  shared::Result<ForeignDecoded> decoded = Try(value, encoding, signal, limits);
  if (decoded) return *std::move(decoded);
  ADD_FAILURE() << decoded.error().message;
  return {};
}

ForeignDecoded DecodeMetrics(
    const opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest& request,
    const ForeignLimits& limits = {}) {
  return Decode(request.SerializeAsString(), ForeignEncoding::kOtlpProto, ForeignSignal::kMetrics,
                limits);
}

// Offset, time since kForeignNow, severity, body and attributes of each record.
std::vector<std::string> LogLines(const ForeignDecoded& decoded) {
  std::vector<std::string> lines;
  for (pgvigil::v1::Batch batch : decoded.batches) {
    const auto refusals =
        collector::ingest::CheckBatch(batch, {}, shared::FromUnixNanos(tests::kForeignNow));
    EXPECT_TRUE(refusals && refusals->empty());
    for (const auto& record : batch.logs(0).records()) {
      std::string line =
          batch.resource().attributes(0).value() + " " +
          std::to_string(record.offset() - (uint64_t{7} << 20)) + " " +
          std::to_string(static_cast<int64_t>(record.time_unix_nano()) - tests::kForeignNow) + " " +
          std::to_string(record.severity_number()) + record.severity_text() + " " + record.body();
      for (const auto& attribute : record.attributes()) {
        line += " " + attribute.name() + "=" + attribute.value();
      }
      lines.push_back(line);
    }
  }
  return lines;
}

TEST(Otlp, ReadsMetricsOfOpenTelemetrysOwnClasses) {
  const auto lines = ElementsAre(
      "host.name=db1,os.type=linux | latency_bucket ms counter "
      "{service.name=shop,le=+Inf,otel.scope.name=meter,otel.scope.version=1.2} 0 6",
      "host.name=db1,os.type=linux | latency_bucket ms counter "
      "{service.name=shop,le=10.5,otel.scope.name=meter,otel.scope.version=1.2} 0 3",
      "host.name=db1,os.type=linux | latency_bucket ms counter "
      "{service.name=shop,le=5,otel.scope.name=meter,otel.scope.version=1.2} 0 1",
      "host.name=db1,os.type=linux | latency_count ms counter "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2} 0 6",
      "host.name=db1,os.type=linux | latency_sum ms counter "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2} 0 44.5",
      "host.name=db1,os.type=linux | queue.length {item} gauge "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2,priority=3,queue=a} -2 -5",
      "host.name=db1,os.type=linux | queue.length {item} gauge "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2,priority=3,queue=a} -1 7",
      "host.name=db1,os.type=linux | requests 1 counter "
      "{service.name=shop,ok=true,otel.scope.name=meter,otel.scope.version=1.2,share=0.5} 0 12.5",
      "host.name=db1,os.type=linux | sessions - updowncounter "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2} 0 4",
      "host.name=db1,os.type=linux | wait s gauge "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2,quantile=0.5} 0 0.25",
      "host.name=db1,os.type=linux | wait s gauge "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2,quantile=0.99} 0 1",
      "host.name=db1,os.type=linux | wait_count s counter "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2} 0 9",
      "host.name=db1,os.type=linux | wait_sum s counter "
      "{service.name=shop,otel.scope.name=meter,otel.scope.version=1.2} 0 3.5");
  const auto refusals =
      ElementsAre("delta_temporality 1 'errors'", "exponential_histogram 1 'sizes'");
  const ForeignDecoded proto =
      Decode(ReadHexFixture("metrics.hex"), ForeignEncoding::kOtlpProto, ForeignSignal::kMetrics);
  EXPECT_THAT(PointLines(proto), lines);
  EXPECT_THAT(RefusalLines(proto), refusals);
  const ForeignDecoded json =
      Decode(ReadFixture("metrics.json"), ForeignEncoding::kOtlpJson, ForeignSignal::kMetrics);
  EXPECT_THAT(PointLines(json), lines);
  EXPECT_THAT(RefusalLines(json), refusals);
}

TEST(Otlp, ReadsLogsOfOpenTelemetrysOwnClasses) {
  const auto lines = ElementsAre(
      "h1 0 -5 14WARNING disk is slow code.line=12 n=[1,2] otel.scope.name=logger raw=AP8= "
      "service.name=shop span_id=0001020304050607 trace_id=000102030405060708090a0b0c0d0e0f",
      "h1 1 -1 0 {\"port\":5432,\"fast\":true} event.name=started otel.scope.name=logger "
      "service.name=shop",
      "unknown (t) 2 -1000000000 9 no host");
  const ForeignDecoded proto =
      Decode(ReadHexFixture("logs.hex"), ForeignEncoding::kOtlpProto, ForeignSignal::kLogs);
  EXPECT_THAT(LogLines(proto), lines);
  const ForeignDecoded json =
      Decode(ReadFixture("logs.json"), ForeignEncoding::kOtlpJson, ForeignSignal::kLogs);
  EXPECT_THAT(LogLines(json), lines);
  ASSERT_EQ(proto.batches.size(), 2u);
  const pgvigil::v1::LogChunk& chunk = proto.batches[0].logs(0);
  EXPECT_EQ(chunk.file().path(), "kafka:t/3");
  EXPECT_EQ(chunk.file().id().size(), 16u);
  EXPECT_EQ(chunk.file().format(), pgvigil::v1::LOG_FORMAT_OTLP);
  EXPECT_EQ(chunk.begin_offset(), 0u);
  EXPECT_EQ(chunk.end_offset(), uint64_t{8} << 20);
}

TEST(OtlpJson, TakesSnakeCaseNamesAndNumbers) {
  EXPECT_THAT(
      PointLines(Decode(
          R"({"resource_metrics":[{"resource":{"attributes":[{"key":"host.name","value":)"
          R"({"string_value":"a"}}]},"scope_metrics":[{"metrics":[{"name":"m","sum":{)"
          R"("aggregation_temporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","is_monotonic":true,)"
          R"("data_points":[{"time_unix_nano":1767225600000000000,"as_int":5},)"
          R"({"timeUnixNano":"1767225600000000001","asDouble":"Infinity","exemplars":null}]}}]}]}]})",
          ForeignEncoding::kOtlpJson, ForeignSignal::kMetrics)),
      ElementsAre("host.name=a | m - counter {} 0 5", "host.name=a | m - counter {} 1 inf"));
}

TEST(OtlpJson, RefusesThePartThatIsWrong) {
  const ForeignDecoded decoded = Decode(
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[)"
      R"({"timeUnixNano":"1767225600000000000","asInt":"5.5"},)"
      R"({"timeUnixNano":"1767225600000000000","asInt":"6"}]}},{"name":7}]}]},{"scopeMetrics":1}]})",
      ForeignEncoding::kOtlpJson, ForeignSignal::kMetrics);
  EXPECT_THAT(PointLines(decoded), ElementsAre("host.name=unknown (t) | m - gauge {} 0 6"));
  EXPECT_THAT(RefusalLines(decoded),
              ElementsAre("malformed_point 3 resourceMetrics[0].scopeMetrics[0].metrics[0].gauge."
                          "dataPoints[0].asInt: expected an integer"));
}

TEST(Otlp, SaysWhyARecordIsNotOne) {
  const auto expect_error = [](std::string_view value, ForeignEncoding encoding,
                               ForeignSignal signal, std::string_view message) {
    const auto decoded = Try(value, encoding, signal);
    ASSERT_FALSE(decoded) << message;
    EXPECT_EQ(decoded.error().code, shared::ErrorCode::kMalformed);
    EXPECT_EQ(decoded.error().message, message);
  };
  const auto expect_proto = [&](std::string_view value, std::string_view message) {
    expect_error(value, ForeignEncoding::kOtlpProto, ForeignSignal::kMetrics, message);
  };
  using namespace std::string_view_literals;  // NOLINT: bytes with NUL
  expect_proto("\x0a\x00\x0a\x05xyz"sv, "otlp_proto: byte 2: field 1 has 5 bytes where 3 are left");
  expect_proto("\x07"sv, "otlp_proto: byte 0: expected a field's tag");
  expect_proto("\x1b"sv, "otlp_proto: byte 0: wire type 3, which OTLP has not");
  expect_proto("\x10\xff"sv, "otlp_proto: byte 0: a varint without its end");
  expect_proto("\x0a\x03\x1a\x01\xff"sv,
               "otlp_proto: byte 0: another message, or a string in it is not UTF-8");
  expect_error("{\"resourceMetrics\" []}", ForeignEncoding::kOtlpJson, ForeignSignal::kMetrics,
               "otlp_json: byte 19: expected ':' after a key");
  expect_error("{\"resourceMetrics\":[]}", ForeignEncoding::kOtlpJson, ForeignSignal::kLogs,
               "otlp_json: expected an object with resourceLogs");
  expect_error("[]", ForeignEncoding::kOtlpJson, ForeignSignal::kMetrics,
               "otlp_json: expected an object");
  expect_error("{\"resourceLogs\":{}}", ForeignEncoding::kOtlpJson, ForeignSignal::kLogs,
               "otlp_json: resourceLogs: expected an array");
}

TEST(OtlpMetrics, RefusesPointsThatContradictThemselves) {
  const auto expect_refusal = [](const auto& spoil, std::string_view refusal) {
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest request;
    auto& resource = *request.add_resource_metrics();
    auto& metric = *resource.add_scope_metrics()->add_metrics();
    metric.set_name("m");
    spoil(resource, metric);
    ForeignLimits limits;
    limits.histogram_bounds = 3;
    limits.nesting = 2;
    const ForeignDecoded decoded = DecodeMetrics(request, limits);
    EXPECT_THAT(PointLines(decoded), ElementsAre()) << refusal;
    EXPECT_THAT(RefusalLines(decoded), ElementsAre(refusal));
  };
  const auto add_histogram = [](auto& metric) -> auto& {
    metric.mutable_histogram()->set_aggregation_temporality(
        opentelemetry::proto::metrics::v1::AGGREGATION_TEMPORALITY_CUMULATIVE);
    auto& point = *metric.mutable_histogram()->add_data_points();
    point.set_time_unix_nano(static_cast<uint64_t>(tests::kForeignNow));
    return point;
  };
  expect_refusal([](auto&, auto& metric) { metric.mutable_gauge()->add_data_points(); },
                 "malformed_point 1 'm': a point without a value");
  expect_refusal([](auto&, auto& metric) { metric.mutable_sum()->add_data_points(); },
                 "unspecified_temporality 1 'm'");
  expect_refusal(
      [](auto&, auto& metric) { metric.mutable_gauge()->add_data_points()->set_as_int(1); },
      "timestamp_out_of_range 1 'm' at 0");
  expect_refusal(
      [&](auto&, auto& metric) {
        auto& point = add_histogram(metric);
        point.add_bucket_counts(1);
        point.add_bucket_counts(1);
      },
      "malformed_point 1 'm': 2 buckets for 0 bounds");
  expect_refusal(
      [&](auto&, auto& metric) {
        auto& point = add_histogram(metric);
        for (const double bound : {2.0, 1.0}) point.add_explicit_bounds(bound);
      },
      "malformed_point 1 'm': bounds that do not ascend");
  expect_refusal(
      [&](auto&, auto& metric) {
        auto& point = add_histogram(metric);
        point.add_bucket_counts(3);
        point.set_count(2);
      },
      "malformed_point 1 'm': 3 values in buckets, 2 in all");
  expect_refusal(
      [&](auto&, auto& metric) {
        auto& point = add_histogram(metric);
        for (const double bound : {1.0, 2.0, 3.0, 4.0}) point.add_explicit_bounds(bound);
      },
      "bucket_limit 1 'm': 4 bounds, at most 3");
  expect_refusal(
      [](auto&, auto& metric) {
        auto& attribute = *metric.mutable_gauge()->add_data_points()->add_attributes();
        attribute.set_key("a");
        auto* value = attribute.mutable_value();
        for (int i = 0; i < 2; ++i) value = value->mutable_array_value()->add_values();
      },
      "nesting_limit 1 'm'");
  expect_refusal(
      [](auto& resource, auto& metric) {
        metric.mutable_gauge()->add_data_points()->set_as_int(1);
        auto& attribute = *resource.mutable_resource()->add_attributes();
        attribute.set_key("host.name");
        attribute.mutable_value()->set_string_value(std::string(5000, 'x'));
      },
      "label_limit 1 resource: attribute 'host.name'");
}

}  // namespace
