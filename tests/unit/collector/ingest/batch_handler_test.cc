#include "collector/ingest/batch_handler.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/batch_builder.h"
#include "tests/support/fake_clock.h"

namespace {

using collector::http::Request;
using collector::http::Response;
using collector::ingest::AcceptedBatch;
using collector::ingest::BatchHandler;
using collector::ingest::BatchHandlerOptions;
using collector::ingest::BatchStore;
using pgvigil::v1::BatchReply;
using shared::Result;

// Keeps what it was given and answers as it was told.
class FakeStore final : public BatchStore {
 public:
  bool Submit(AcceptedBatch& batch, std::function<void(Result<BatchReply>)> done) override {
    if (full) return false;
    batches.push_back(std::move(batch));
    if (failure) {
      done(tl::make_unexpected(*failure));
    } else if (wants_layouts) {
      BatchReply reply;
      reply.add_missing_layouts(std::string(16, 'h'));
      done(reply);
    } else {
      BatchReply reply;
      reply.set_stream(batches.back().batch.stream());
      reply.set_incarnation(batches.back().batch.incarnation());
      reply.set_acknowledged_sequence(batches.back().batch.sequence());
      done(reply);
    }
    return true;
  }
  bool full = false;
  bool wants_layouts = false;
  std::optional<shared::Error> failure;
  std::vector<AcceptedBatch> batches;
};

class BatchHandlerTest : public ::testing::Test {
 protected:
  Request Post(std::string body) {
    Request request;
    request.method = "POST";
    request.path = "/v1/batches";
    request.headers = {{"content-type", "application/x-protobuf"}, {"content-encoding", "zstd"}};
    request.body = std::move(body);
    return request;
  }
  Response Handle(Request request) {
    std::optional<Response> answer;
    handler_.Handle(std::move(request), [&](Response response) { answer = std::move(response); });
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(Response{});
  }
  static std::string SoundBody() {
    return tests::Compress(tests::MakeBatch(pgvigil::v1::STREAM_METRICS, 3).SerializeAsString());
  }
  static std::string RetryAfter(const Response& response) {
    for (const auto& [name, value] : response.headers) {
      if (name == "Retry-After") return value;
    }
    return "";
  }

  FakeStore store_;
  tests::FakeClock clock_;
  shared::metrics::Registry registry_;
  BatchHandler handler_{store_, clock_, registry_, BatchHandlerOptions{}};
};

TEST_F(BatchHandlerTest, AnswersWithTheAcknowledgedSequence) {
  const Response response = Handle(Post(SoundBody()));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/x-protobuf");
  BatchReply reply;
  ASSERT_TRUE(reply.ParseFromString(response.body));
  EXPECT_EQ(reply.acknowledged_sequence(), 3u);
  EXPECT_EQ(reply.incarnation(), 7u);
  ASSERT_EQ(store_.batches.size(), 1u);
  EXPECT_GT(store_.batches[0].cost_bytes, 0u);
}

TEST_F(BatchHandlerTest, HandsTheBodyOnAsItCame) {
  const std::string body = SoundBody();
  EXPECT_EQ(Handle(Post(body)).status, 200);
  ASSERT_EQ(store_.batches.size(), 1u);
  EXPECT_EQ(store_.batches[0].body, body);
}

TEST_F(BatchHandlerTest, PutsFramesOfOneBatchTogether) {
  pgvigil::v1::Batch layout;
  layout.add_layouts()->set_hash(std::string(16, 'h'));
  const Response response = Handle(Post(tests::Compress(layout.SerializeAsString()) + SoundBody()));
  EXPECT_EQ(response.status, 200);
  ASSERT_EQ(store_.batches.size(), 1u);
  EXPECT_EQ(store_.batches[0].batch.layouts_size(), 1);
  EXPECT_EQ(store_.batches[0].batch.sequence(), 3u);
}

TEST_F(BatchHandlerTest, RefusesAnotherContentType) {
  Request request = Post(SoundBody());
  request.headers["content-type"] = "application/json";
  const Response response = Handle(std::move(request));
  EXPECT_EQ(response.status, 415);
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"invalid_input\",\"message\":\"Content-Type: "
            "'application/json', expected 'application/x-protobuf'\"}}\n");
  request = Post(SoundBody());
  request.headers["content-encoding"] = "gzip";
  EXPECT_EQ(Handle(std::move(request)).status, 415);
  request = Post(SoundBody());
  request.headers.erase("content-encoding");
  EXPECT_EQ(Handle(std::move(request)).status, 415);
  EXPECT_TRUE(store_.batches.empty());
}

TEST_F(BatchHandlerTest, RefusesMalformedProtobuf) {
  const Response response = Handle(Post(tests::Compress("\xff\xff\xff not protobuf")));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"malformed\",\"message\":\"body: 16 bytes that are not a "
            "pgvigil.v1.Batch (or a string in it is not UTF-8)\"}}\n");
}

TEST_F(BatchHandlerTest, RefusesInvalidUtf8) {
  pgvigil::v1::Batch batch = tests::MakeBatch(pgvigil::v1::STREAM_LOGS);
  std::string bytes = batch.SerializeAsString();
  const size_t name = bytes.find("db1");
  bytes[name] = '\xff';
  EXPECT_EQ(Handle(Post(tests::Compress(bytes))).status, 400);
}

TEST_F(BatchHandlerTest, RefusesABodyThatIsNotZstd) {
  EXPECT_EQ(Handle(Post("not zstd at all")).status, 400);
  EXPECT_EQ(Handle(Post("")).status, 400);
  const std::string body = SoundBody();
  EXPECT_EQ(Handle(Post(body.substr(0, body.size() - 1))).status, 400);
}

TEST_F(BatchHandlerTest, RefusesABombWithoutUnpackingIt) {
  // 1 GiB of zeros, 16 MiB at a time, as concatenated frames.
  const std::string frame = tests::Compress(std::string(size_t{16} << 20, '\0'));
  std::string bomb;
  for (int i = 0; i < 64; ++i) bomb += frame;
  EXPECT_LT(bomb.size(), 256u << 10);
  EXPECT_EQ(Handle(Post(bomb)).status, 413);
  EXPECT_TRUE(store_.batches.empty());
}

TEST_F(BatchHandlerTest, RefusesABatchWithoutASoundEnvelope) {
  pgvigil::v1::Batch batch = tests::MakeBatch(pgvigil::v1::STREAM_METRICS);
  batch.set_agent_id("x");
  const Response response = Handle(Post(tests::Compress(batch.SerializeAsString())));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"invalid_input\",\"message\":\"agent_id: 1 bytes, expected "
            "16\"}}\n");
}

TEST_F(BatchHandlerTest, HandsRefusedPartsToTheStoreForTheReply) {
  pgvigil::v1::Batch batch = tests::MakeBatch(pgvigil::v1::STREAM_METRICS);
  pgvigil::v1::MetricBlock* block = batch.add_blocks();
  block->set_layout_hash(std::string(16, 'h'));
  block->set_first_unix_nano(1);
  block->set_last_unix_nano(2);
  block->set_ticks(1);
  block->set_series(5);
  EXPECT_EQ(Handle(Post(tests::Compress(batch.SerializeAsString()))).status, 200);
  ASSERT_EQ(store_.batches.size(), 1u);
  ASSERT_EQ(store_.batches[0].refusals.size(), 1u);
  EXPECT_EQ(store_.batches[0].refusals[0].reason(), "timestamp_out_of_range");
  EXPECT_EQ(store_.batches[0].refusals[0].items(), 5u);
  EXPECT_NE(registry_.Expose().find(
                "collector_ingest_refused_items_total{reason=\"timestamp_out_of_range\"} 5"),
            std::string::npos);
}

TEST_F(BatchHandlerTest, AsksToRetryWhenTheStoreCannotTakeIt) {
  store_.full = true;
  Response response = Handle(Post(SoundBody()));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(RetryAfter(response), "2");
  store_.full = false;
  store_.failure = shared::Error{shared::ErrorCode::kUnavailable, "PostgreSQL is away"};
  response = Handle(Post(SoundBody()));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(RetryAfter(response), "2");
  store_.failure = shared::Error{shared::ErrorCode::kResourceExhausted, "too much"};
  response = Handle(Post(SoundBody()));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(RetryAfter(response), "2");
}

// With a quota of so many samples and lines a second, and no more at once.
class QuotaTest : public BatchHandlerTest {
 protected:
  Response HandleWithin(std::string body) {
    std::optional<Response> answer;
    within_.Handle(Post(std::move(body)), [&](Response response) { answer = std::move(response); });
    EXPECT_TRUE(answer.has_value());
    return answer.value_or(Response{});
  }
  std::string Samples(uint64_t sequence) const {
    pgvigil::v1::Batch batch = tests::MakeBatch(pgvigil::v1::STREAM_METRICS, sequence);
    pgvigil::v1::MetricBlock* block = batch.add_blocks();
    block->set_layout_hash(std::string(16, 'h'));
    const auto now = static_cast<uint64_t>(shared::ToUnixNanos(clock_.Now()));
    block->set_first_unix_nano(now);
    block->set_last_unix_nano(now + 1);
    block->set_ticks(2);
    block->set_series(10);
    return tests::Compress(batch.SerializeAsString());
  }
  std::string Lines(uint64_t sequence, uint64_t count) const {
    pgvigil::v1::Batch batch = tests::MakeBatch(pgvigil::v1::STREAM_LOGS, sequence);
    auto* chunk = batch.add_logs();
    chunk->mutable_file()->set_id(std::string(16, 'f'));
    chunk->set_end_offset(count * 10);
    for (uint64_t i = 0; i < count; ++i) {
      auto* record = chunk->add_records();
      record->set_offset(i * 10);
      record->set_length(10);
      record->set_time_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(clock_.Now())));
      record->set_body("x");
    }
    return tests::Compress(batch.SerializeAsString());
  }

  collector::access::Quotas quotas_{
      {{.samples_per_second = 10, .lines_per_second = 10}, {}, std::chrono::seconds(1)},
      clock_,
      registry_};
  BatchHandler within_{store_, clock_, registry_, BatchHandlerOptions{}, &quotas_};
};

TEST_F(QuotaTest, TakesABatchWholeAndLetsTheNextWait) {
  EXPECT_EQ(HandleWithin(Samples(1)).status, 200);
  const Response response = HandleWithin(Samples(2));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(RetryAfter(response), "1");
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"resource_exhausted\",\"message\":\"the key's quota of 10 "
            "samples a second is used up (quotas.key.samples_per_second)\"}}\n");
  EXPECT_EQ(store_.batches.size(), 1u);
  EXPECT_EQ(HandleWithin(Lines(1, 11)).status, 200) << "lines are counted by themselves";
  EXPECT_EQ(HandleWithin(Lines(2, 1)).status, 429);
  EXPECT_EQ(HandleWithin(Lines(2, 0)).status, 200) << "a batch without any asks for none";
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(HandleWithin(Samples(2)).status, 200);
  EXPECT_EQ(store_.batches.size(), 4u);
}

TEST_F(QuotaTest, AsksNothingForWhatWasNotStored) {
  store_.full = true;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(HandleWithin(Samples(1)).status, 503);
  store_.full = false;
  store_.failure = shared::Error{shared::ErrorCode::kUnavailable, "PostgreSQL is away"};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(HandleWithin(Samples(1)).status, 503);
  store_.failure.reset();
  store_.wants_layouts = true;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(HandleWithin(Samples(1)).status, 200);
  store_.wants_layouts = false;
  EXPECT_EQ(HandleWithin(Samples(1)).status, 200);
  EXPECT_EQ(HandleWithin(Samples(2)).status, 429);
}

TEST_F(BatchHandlerTest, SaysWhyTheStoreWillNeverTakeIt) {
  store_.failure = shared::Error{shared::ErrorCode::kInvalidInput, "two agents with one id?"};
  const Response response = Handle(Post(SoundBody()));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(RetryAfter(response), "");
  EXPECT_EQ(response.body,
            "{\"error\":{\"code\":\"invalid_input\",\"message\":\"two agents with one id?\"}}\n");
}

}  // namespace
