#include "collector/ingest/foreign/plain_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/collector/ingest/foreign/foreign_points.h"

namespace {

using collector::ingest::foreign::DecodeForeign;
using collector::ingest::foreign::ForeignDecoded;
using collector::ingest::foreign::ForeignEncoding;
using collector::ingest::foreign::ForeignLimits;
using collector::ingest::foreign::ForeignRecord;
using collector::ingest::foreign::ForeignSignal;
using testing::ElementsAre;
using tests::PointLines;
using tests::RefusalLines;

shared::Result<ForeignDecoded> Decode(const ForeignRecord& record, const ForeignLimits& limits) {
  return DecodeForeign(record, ForeignEncoding::kJson, ForeignSignal::kMetrics, limits,
                       shared::FromUnixNanos(tests::kForeignNow));
}

ForeignDecoded Decode(std::string_view text, const ForeignLimits& limits = {}) {
  shared::Result<ForeignDecoded> decoded = Decode(tests::MakeRecord(text), limits);
  if (decoded) return *std::move(decoded);
  ADD_FAILURE() << decoded.error().message;
  return {};
}

TEST(PlainJson, ReadsAPoint) {
  const ForeignDecoded decoded = Decode(
      R"({"tenant_id":"evil","host":"db1","metric":"disk.used","value":12.5,"colour":["red"],)"
      R"("ts_event":"2025-12-31T23:59:58Z","unit":"MB","tags":{"disk":"sda","slot":3,"b":null}})");
  EXPECT_THAT(PointLines(decoded),
              ElementsAre("host.name=db1 | disk.used By gauge {disk=sda,slot=3} -2000000000 "
                          "12500000"));
  EXPECT_THAT(RefusalLines(decoded), ElementsAre());
  ASSERT_EQ(decoded.batches.size(), 1u);
  EXPECT_EQ(decoded.batches[0].stream(), pgvigil::v1::STREAM_METRICS);
  EXPECT_EQ(decoded.batches[0].incarnation(), 1u);
  EXPECT_EQ(decoded.batches[0].sequence(), 8u);
}

TEST(PlainJson, ReadsArraysAndLinesAlike) {
  const auto lines = ElementsAre("host.name=a | m - gauge {} -1000000000 1",
                                 "host.name=b | m - gauge {} -1000000000 2");
  EXPECT_THAT(PointLines(Decode(R"([{"host":"b","metric":"m","value":2},)"
                                R"({"host":"a","metric":"m","value":1}])")),
              lines);
  EXPECT_THAT(PointLines(Decode("{\"host\":\"a\",\"metric\":\"m\",\"value\":1}\r\n\n"
                                "{\"host\":\"b\",\"metric\":\"m\",\"value\":2}\n")),
              lines);
  EXPECT_THAT(PointLines(Decode("[]")), ElementsAre());
}

TEST(PlainJson, TakesTimesInAllTheirForms) {
  const auto expect_time = [](std::string_view time, std::string_view nanos) {
    EXPECT_THAT(PointLines(Decode(R"({"host":"a","metric":"m","value":1,"ts_event":)" +
                                  std::string(time) + "}")),
                ElementsAre("host.name=a | m - gauge {} " + std::string(nanos) + " 1"))
        << time;
  };
  expect_time("1767225600", "0");
  expect_time("1767225600.25", "250000000");
  expect_time("1767225600250", "250000000");
  expect_time("1767225600250.5", "250500000");
  expect_time("1767225600250001", "250001000");
  expect_time("1767225600250001002", "250001002");
  expect_time("\"1767225600250001002\"", "250001002");
  expect_time("\"2026-01-01T01:00:00.000000001+01:00\"", "1");
  expect_time("null", "-1000000000");
}

TEST(PlainJson, TakesValuesInAllTheirForms) {
  const auto expect_value = [](std::string_view value, std::string_view shown) {
    EXPECT_THAT(
        PointLines(Decode(R"({"host":"a","metric":"m","value":)" + std::string(value) + "}")),
        ElementsAre("host.name=a | m - gauge {} -1000000000 " + std::string(shown)))
        << value;
  };
  expect_value("-3", "-3");
  expect_value("18446744073709551615", "1.8446744073709552e+19");
  expect_value("\"12.5\"", "12.5");
  expect_value("\"+1e3\"", "1000");
  expect_value("\"NaN\"", "nan");
  expect_value("\"-inf\"", "-inf");
}

TEST(PlainJson, WritesAStaleMarkerForNull) {
  const ForeignDecoded decoded = Decode(R"({"host":"a","metric":"m","value":null})");
  ASSERT_EQ(decoded.batches.size(), 1u);
  EXPECT_EQ(decoded.batches[0].blocks_size(), 1);
  EXPECT_THAT(PointLines(decoded), ElementsAre());
}

TEST(PlainJson, NormalisesNamesAndUnits) {
  const auto expect_series = [](std::string_view metric, std::string_view unit,
                                std::string_view value, std::string_view shown) {
    EXPECT_THAT(
        PointLines(Decode(R"({"host":"a","metric":")" + std::string(metric) + R"(","unit":")" +
                          std::string(unit) + R"(","value":)" + std::string(value) + "}")),
        ElementsAre("host.name=a | " + std::string(shown)))
        << metric << " " << unit;
  };
  expect_series("disk used (%)", "%", "50", "disk_used____ 1 gauge {} -1000000000 0.5");
  expect_series("a.b-c/d:e_f", "ms", "1500", "a.b-c/d:e_f s gauge {} -1000000000 1.5");
  expect_series("m", "KiB/s", "2", "m By/s gauge {} -1000000000 2048");
  expect_series("m", "Minutes", "2", "m s gauge {} -1000000000 120");
  expect_series("m", "{connection}", "2", "m {connection} gauge {} -1000000000 2");
}

TEST(PlainJson, PutsWhatNamesNoHostUnderItsTopic) {
  EXPECT_THAT(PointLines(Decode(R"({"metric":"m","value":1})")),
              ElementsAre("host.name=unknown (t) | m - gauge {} -1000000000 1"));
}

TEST(PlainJson, RefusesPartsAndKeepsTheRest) {
  const auto expect_refusal = [](std::string_view point, std::string_view refusal) {
    const ForeignDecoded decoded =
        Decode(R"([{"host":"a","metric":"good","value":1},)" + std::string(point) + "]");
    EXPECT_THAT(PointLines(decoded), ElementsAre("host.name=a | good - gauge {} -1000000000 1"));
    EXPECT_THAT(RefusalLines(decoded), ElementsAre(refusal)) << point;
  };
  expect_refusal("5", "malformed_point 1 point 1: expected an object");
  expect_refusal(R"({"value":1})", "malformed_point 1 point 1: metric is missing");
  expect_refusal(R"({"metric":"m"})", "malformed_point 1 point 1: value is missing");
  expect_refusal(R"({"metric":7,"value":1})",
                 "malformed_point 1 point 1: metric: expected a string");
  expect_refusal(R"({"metric":"m","value":true})",
                 "malformed_point 1 point 1: value: expected a number, one as a string, or null");
  expect_refusal(R"({"metric":"m","value":1,"ts_event":"soon"})",
                 "malformed_point 1 point 1: ts_event: expected RFC 3339 or a number of seconds, "
                 "milliseconds, microseconds or nanoseconds since 1970");
  expect_refusal(R"({"metric":"m","value":1,"tags":[]})",
                 "malformed_point 1 point 1: tags: expected an object");
  expect_refusal(R"({"metric":"m","value":1,"ts_event":12})",
                 "timestamp_out_of_range 1 'm' at 12000000000");
  expect_refusal(R"({"metric":"m","value":1,"tags":{"a\u0000":"b"}})",
                 "nul_byte 1 'm': label "
                 "'a\xef\xbf\xbd'");
  expect_refusal(R"({"metric":"m","value":1,"tags":{"a":"b","a":"c"}})",
                 "repeated_label 1 'm': label 'a'");
  expect_refusal(R"({"host":"a","metric":"good","value":2})",
                 "conflicting_point 1 'good' at 1767225599000000000: 2 after 1");
  expect_refusal(R"({"host":"a","metric":"good","value":1,"unit":"s"})",
                 "conflicting_series 1 'good': gauge in 's' after gauge in ''");
}

TEST(PlainJson, TakesTheSamePointTwiceAsOne) {
  const ForeignDecoded decoded = Decode(R"([{"metric":"m","value":1},{"metric":"m","value":1}])");
  EXPECT_EQ(PointLines(decoded).size(), 1u);
  EXPECT_THAT(RefusalLines(decoded), ElementsAre());
}

TEST(PlainJson, RefusesOneBadLineOfMany) {
  const ForeignDecoded decoded = Decode("{\"metric\":\"m\",\"value\":1}\n{\"metric\" 5}\n7\n");
  EXPECT_EQ(PointLines(decoded).size(), 1u);
  EXPECT_THAT(RefusalLines(decoded),
              ElementsAre("malformed_json 2 line 2: byte 10: expected ':' after a key"));
}

TEST(PlainJson, StopsAtItsLimits) {
  ForeignLimits limits;
  limits.points = 2;
  limits.labels_per_series = 1;
  const ForeignDecoded decoded =
      Decode(R"([{"metric":"m","value":1,"tags":{"a":"1","b":"2"}},{"metric":"a","value":1},)"
             R"({"metric":"b","value":1},{"metric":"c","value":1},{"metric":"d","value":1}])",
             limits);
  EXPECT_EQ(PointLines(decoded).size(), 2u);
  EXPECT_THAT(RefusalLines(decoded),
              ElementsAre("label_limit 1 'm': 2 labels, at most 1", "point_limit 2 'c'"));
}

TEST(PlainJson, SaysWhereARecordIsNotJson) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    ForeignLimits limits;
    limits.nesting = 3;
    const auto decoded = Decode(tests::MakeRecord(text), limits);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, shared::ErrorCode::kMalformed) << text;
    EXPECT_EQ(decoded.error().message, message) << text;
  };
  expect_error("", "json: byte 0: expected a value");
  expect_error("7", "json: byte 0: expected an object or an array of objects");
  expect_error("{\"a\" 1}", "json: byte 5: expected ':' after a key");
  expect_error("{\"a\":1,}", "json: byte 7: expected a key in quotes");
  expect_error("[1 2]", "json: byte 3: expected ',' or ']'");
  expect_error("[1,]", "json: byte 3: expected a value");
  expect_error("[\"a]", "json: byte 1: a string without its closing quote");
  expect_error("[\"a\\q\"]", "json: byte 3: an escape that JSON has not");
  expect_error("[\"\\ud800\"]", "json: byte 2: half a surrogate pair");
  expect_error("[\"\xff\"]", "json: byte 1: a string that is not UTF-8");
  expect_error("[\"\n\"]", "json: byte 2: a control character in a string");
  expect_error("[01]", "json: byte 2: a number with a leading 0");
  expect_error("[1.]", "json: byte 3: expected a digit");
  expect_error("[18446744073709551616]", "json: byte 1: a number beyond 64 bits");
  expect_error("[1e999]", "json: byte 1: a number beyond 64 bits");
  expect_error("{} {}", "json: byte 3: expected the end of the text");
  expect_error("[[[[1]]]]", "json: byte 3: nested deeper than 3");
}

TEST(PlainJson, TakesDocumentsAsDeepAsTheLimit) {
  ForeignLimits limits;
  limits.nesting = 3;
  EXPECT_EQ(RefusalLines(Decode(R"([[[1]]])", limits)).size(), 1u);
}

TEST(DecodeForeign, RefusesRecordsThatNoEncodingSaves) {
  const auto expect_error = [](const ForeignRecord& record, ForeignSignal signal,
                               std::string_view message) {
    ForeignLimits limits;
    limits.value_bytes = 10;
    const auto decoded = DecodeForeign(record, ForeignEncoding::kJson, signal, limits,
                                       shared::FromUnixNanos(tests::kForeignNow));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().message, message);
  };
  ForeignRecord record = tests::MakeRecord("[]");
  expect_error(record, ForeignSignal::kLogs, "json: carries metrics only");
  record.offset = int64_t{1} << 43;
  expect_error(record, ForeignSignal::kMetrics, "offset 8796093022208: expected 0 to 2^43");
  expect_error(tests::MakeRecord("[          ]"), ForeignSignal::kMetrics,
               "a record of 12 bytes, at most 10 are taken");
}

TEST(DecodeForeign, NamesSenderByTopicPartitionAndHost) {
  std::set<std::string> ids;
  ForeignRecord record = tests::MakeRecord(R"([{"host":"a","metric":"m","value":1},)"
                                           R"({"host":"b","metric":"m","value":1}])");
  const auto add = [&] {
    const auto decoded = Decode(record, {});
    ASSERT_TRUE(decoded);
    for (const auto& batch : decoded->batches) ids.insert(batch.agent_id());
  };
  add();
  EXPECT_EQ(ids.size(), 2u);
  record.offset = 8;
  add();
  EXPECT_EQ(ids.size(), 2u);
  record.partition = 4;
  add();
  EXPECT_EQ(ids.size(), 4u);
}

}  // namespace
