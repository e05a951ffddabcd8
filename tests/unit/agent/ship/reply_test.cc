#include "agent/ship/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/ship/fakes.h"

namespace agent::ship {
namespace {

using Kind = Verdict::Kind;
using pgvigil::v1::STREAM_METRICS;
using shared::http::Response;

const OutgoingBatch kBatch{FakeOutbox::kIncarnation, 5, ""};

Verdict JudgeOf(shared::Result<Response> response) {
  return Judge(response, STREAM_METRICS, kBatch);
}

TEST(Judge, TakesAnAcknowledgementOfTheBatchOrMore) {
  EXPECT_EQ(JudgeOf(Reply(Acknowledging(STREAM_METRICS, 5))).kind, Kind::kAcknowledged);
  const Verdict more = JudgeOf(Reply(Acknowledging(STREAM_METRICS, 9)));
  EXPECT_EQ(more.kind, Kind::kAcknowledged);
  EXPECT_EQ(more.acknowledged_sequence, 9u);
}

TEST(Judge, NeverTakesAForeignAnswerForSuccess) {
  const auto expect_later = [](const Response& response, std::string_view message) {
    const Verdict verdict = JudgeOf(response);
    EXPECT_EQ(verdict.kind, Kind::kLater) << message;
    EXPECT_EQ(verdict.message, message);
  };
  constexpr std::string_view kForeign = "HTTP 200, but not from a pgvigil collector";
  expect_later(Response{200, "text/html", "<html>log in</html>"}, kForeign);
  expect_later(Response{200, "", ""}, kForeign);
  expect_later(Response{200, "application/x-protobuf", "\xff\xff"}, kForeign);
  expect_later(Response{200, "application/x-protobuf", ""}, kForeign);
  expect_later(Reply(Acknowledging(pgvigil::v1::STREAM_LOGS, 5)), kForeign);
  pgvigil::v1::BatchReply other_life = Acknowledging(STREAM_METRICS, 5);
  other_life.set_incarnation(8);
  expect_later(Reply(other_life), kForeign);
  expect_later(Reply(Acknowledging(STREAM_METRICS, 4)),
               "HTTP 200, but sequence 5 was not acknowledged");
}

TEST(Judge, AsksForLayoutsOnlyWhenNotAcknowledged) {
  pgvigil::v1::BatchReply reply = Acknowledging(STREAM_METRICS, 4);
  reply.add_missing_layouts("0123456789abcdef");
  const Verdict verdict = JudgeOf(Reply(reply));
  EXPECT_EQ(verdict.kind, Kind::kMissingLayouts);
  EXPECT_THAT(verdict.missing_layouts, testing::ElementsAre("0123456789abcdef"));
}

TEST(Judge, KnowsEveryStatus) {
  const auto expect_kind = [](const Response& response, Kind kind, std::string_view reason = "") {
    const Verdict verdict = JudgeOf(response);
    EXPECT_EQ(verdict.kind, kind) << response.status;
    EXPECT_EQ(verdict.reason, reason) << response.status;
  };
  expect_kind(ErrorReply(400), Kind::kSetAside, "http_400");
  expect_kind(ErrorReply(415), Kind::kSetAside, "http_415");
  expect_kind(ErrorReply(422), Kind::kSetAside, "http_422");
  expect_kind(Response{400, "text/html", "<html>bad</html>"}, Kind::kLater);
  expect_kind(Response{413, "text/html", "too large"}, Kind::kSetAside, "too_large");
  for (const int status : {401, 403, 404}) expect_kind(ErrorReply(status), Kind::kHold);
  for (const int status : {204, 301, 302, 307, 405, 408, 429, 500, 502, 503, 504}) {
    expect_kind(ErrorReply(status), Kind::kLater);
  }
}

TEST(Judge, SaysWhatHelpsWhenNothingIsTaken) {
  const Verdict verdict = JudgeOf(ErrorReply(401));
  EXPECT_EQ(verdict.message, R"(HTTP 401: {"error":{"code":"malformed","message":"no"}})");
  EXPECT_EQ(verdict.remedy, "set collector.api_key_file to a key that the collector knows");
}

TEST(Judge, SaysWhatHelpsAgainstAQuota) {
  const Verdict verdict = JudgeOf(ErrorReply(429));
  EXPECT_EQ(verdict.kind, Kind::kLater);
  EXPECT_EQ(verdict.remedy,
            "nothing: it is sent later; if it happens often, raise the limit it names");
  EXPECT_EQ(JudgeOf(ErrorReply(503)).remedy, "");
}

TEST(Judge, ObeysRetryAfterUpToAQuarterOfAnHour) {
  Response response = ErrorReply(429);
  response.retry_after = std::chrono::seconds(30);
  EXPECT_EQ(JudgeOf(response).retry_after, std::chrono::seconds(30));
  response.retry_after = std::chrono::hours(24);
  EXPECT_EQ(JudgeOf(response).retry_after, std::chrono::minutes(15));
  response.retry_after = std::chrono::seconds(-1);
  EXPECT_EQ(JudgeOf(response).retry_after, std::chrono::seconds(0));
}

TEST(Judge, RetriesEveryFailureOfTheNetwork) {
  const Verdict verdict =
      JudgeOf(shared::Fail(shared::ErrorCode::kUnavailable, "POST x: connect: Connection refused"));
  EXPECT_EQ(verdict.kind, Kind::kLater);
  EXPECT_EQ(verdict.message, "POST x: connect: Connection refused");
}

}  // namespace
}  // namespace agent::ship
