#include "agent/ship/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/unit/agent/ship/fakes.h"

namespace agent::ship {
namespace {

using pgvigil::v1::Capability;
using pgvigil::v1::STREAM_LOGS;
using pgvigil::v1::STREAM_METRICS;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::string_view kHash = "0123456789abcdef";

class DeliveryTest : public testing::Test {
 protected:
  void Answer(shared::Result<shared::http::Response> response) {
    transport.Answer(std::move(response));
  }
  void Acknowledge(uint64_t sequence) { Answer(Reply(Acknowledging(STREAM_METRICS, sequence))); }
  std::vector<std::string> Bodies() const {
    std::vector<std::string> out;
    for (const FakeTransport::Started& started : transport.started) {
      out.push_back(started.request.body);
    }
    return out;
  }
  // How long until something can be sent.
  milliseconds Wait() {
    const std::optional<shared::MonotonicTime> next = delivery.Step();
    EXPECT_TRUE(next);
    return std::chrono::duration_cast<milliseconds>(*next - clock.Monotonic());
  }
  Capability Collector() const {
    const std::vector<Capability> all = capabilities.Snapshot();
    return all.empty() ? Capability() : all[0];
  }

  tests::FakeClock clock;
  pipeline::Drops drops;
  pipeline::Capabilities capabilities;
  FakeTransport transport;
  FakeOutbox metrics{STREAM_METRICS};
  FakeOutbox logs{STREAM_LOGS};
  std::optional<std::string> layout_frame;
  Delivery delivery{
      DeliveryOptions{.collector_url = "https://c:8443/", .api_key = shared::Secret("pgv_1_2")},
      {&metrics, &logs},
      transport,
      [this](std::string_view hash) {
        EXPECT_EQ(hash, kHash);
        return layout_frame;
      },
      clock,
      drops,
      capabilities};
};

TEST_F(DeliveryTest, PostsABatchAsTheCollectorExpectsIt) {
  metrics.Add(1);
  delivery.Step();
  ASSERT_EQ(transport.started.size(), 1u);
  const shared::http::Request& request = transport.started[0].request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://c:8443/v1/batches");
  EXPECT_THAT(request.headers, ElementsAre(Pair("Content-Type", "application/x-protobuf"),
                                           Pair("Content-Encoding", "zstd")));
  EXPECT_EQ(request.bearer_token, shared::Secret("pgv_1_2"));
  EXPECT_EQ(request.body, "body1");
}

TEST_F(DeliveryTest, SendsOneAfterAnotherInOrder) {
  metrics.Add(3);
  delivery.Step();
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("body1"));
  Acknowledge(1);
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("body2"));
  Acknowledge(3);
  EXPECT_EQ(delivery.Step(), std::nullopt);
  EXPECT_THAT(Bodies(), IsEmpty());
  EXPECT_TRUE(delivery.AtRest());
  EXPECT_EQ(Collector().state(), Capability::STATE_OK);
}

TEST_F(DeliveryTest, LetsNoStreamWaitForAnother) {
  metrics.Add(100);
  delivery.Step();
  logs.Add(1);
  delivery.Step();
  EXPECT_EQ(transport.started.size(), 2u);
  Answer(ErrorReply(503));
  Answer(Reply(Acknowledging(STREAM_LOGS, 1)));
  logs.Add(1);
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("body2"));
}

TEST_F(DeliveryTest, SendsTheSameAgainWithGrowingWaits) {
  metrics.Add(1);
  milliseconds last{0};
  for (int attempt = 0; attempt < 6; ++attempt) {
    delivery.Step();
    ASSERT_THAT(Bodies(), ElementsAre("body1")) << attempt;
    Answer(shared::Fail(shared::ErrorCode::kUnavailable, "no route"));
    const milliseconds wait = Wait();
    EXPECT_GE(wait, last / 2) << attempt;
    EXPECT_GE(wait, milliseconds(250) * (1 << attempt)) << attempt;
    last = wait;
    EXPECT_THAT(Bodies(), IsEmpty());
    clock.Advance(wait);
  }
  EXPECT_EQ(Collector().state(), Capability::STATE_FAILED);
  EXPECT_EQ(Collector().detail(), "no route");
}

TEST_F(DeliveryTest, WaitsAsLongAsTheCollectorAsks) {
  metrics.Add(1);
  delivery.Step();
  shared::http::Response busy = ErrorReply(429);
  busy.retry_after = seconds(120);
  Answer(busy);
  EXPECT_GE(Wait(), seconds(120));
  EXPECT_LE(Wait(), seconds(121));
}

TEST_F(DeliveryTest, ComesBackSlowlyAfterAnOutage) {
  metrics.Add(100);
  delivery.Step();
  Answer(ErrorReply(503));
  clock.Advance(Wait());
  std::vector<milliseconds> waits;
  for (uint64_t sequence = 1; sequence <= 10; ++sequence) {
    if (sequence > 1 && transport.started.empty()) {
      waits.push_back(Wait());
      clock.Advance(waits.back());
    }
    delivery.Step();
    Acknowledge(sequence);
    delivery.Step();
  }
  EXPECT_THAT(waits, ElementsAre(milliseconds(1000), milliseconds(500), milliseconds(250),
                                 milliseconds(125), milliseconds(62), milliseconds(31),
                                 milliseconds(15), milliseconds(7)));
}

TEST_F(DeliveryTest, PutsMissingLayoutsInFront) {
  metrics.Add(1);
  layout_frame = "frame+";
  delivery.Step();
  pgvigil::v1::BatchReply reply = Acknowledging(STREAM_METRICS, 0);
  reply.add_missing_layouts(std::string(kHash));
  Answer(Reply(reply));
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("frame+body1"));
  Answer(ErrorReply(503));  // and keeps them there
  clock.Advance(Wait());
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("frame+body1"));
  Acknowledge(1);
  metrics.Add(1);
  clock.Advance(seconds(1));
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("body2"));
}

TEST_F(DeliveryTest, SetsABatchAsideWhoseLayoutIsGone) {
  metrics.Add(2);
  delivery.Step();
  pgvigil::v1::BatchReply reply = Acknowledging(STREAM_METRICS, 0);
  reply.add_missing_layouts(std::string(kHash));
  Answer(Reply(reply));
  EXPECT_THAT(metrics.set_aside, ElementsAre(Pair(1u, "layout_lost")));
  delivery.Step();
  EXPECT_THAT(Bodies(), ElementsAre("body2"));
}

TEST_F(DeliveryTest, DoesNotSendALayoutForEver) {
  metrics.Add(1);
  layout_frame = "frame+";
  pgvigil::v1::BatchReply reply = Acknowledging(STREAM_METRICS, 0);
  reply.add_missing_layouts(std::string(kHash));
  for (int attempt = 0; attempt < 2; ++attempt) {
    delivery.Step();
    Answer(Reply(reply));
  }
  EXPECT_THAT(metrics.set_aside, ElementsAre(Pair(1u, "layout_refused")));
}

TEST_F(DeliveryTest, SetsAsideWhatTheCollectorWillNeverTake) {
  metrics.Add(3);
  delivery.Step();
  Answer(ErrorReply(400));
  delivery.Step();
  Answer(ErrorReply(413));
  delivery.Step();
  EXPECT_THAT(metrics.set_aside, ElementsAre(Pair(1u, "http_400"), Pair(2u, "too_large")));
  EXPECT_THAT(Bodies(), ElementsAre("body3"));
}

TEST_F(DeliveryTest, HoldsEverythingUntilSomebodyHelps) {
  metrics.Add(1);
  logs.Add(1);
  delivery.Step();
  Answer(ErrorReply(401));
  Answer(Reply(Acknowledging(STREAM_LOGS, 1)));
  metrics.Add(1);
  logs.Add(1);
  EXPECT_GE(Wait(), seconds(30));
  EXPECT_THAT(Bodies(), IsEmpty());
  EXPECT_THAT(metrics.set_aside, IsEmpty());
  EXPECT_TRUE(delivery.AtRest());
  clock.Advance(Wait());
  delivery.Step();
  EXPECT_EQ(transport.started.size(), 2u);
}

TEST_F(DeliveryTest, TellsTheRemedyWhenHeld) {
  metrics.Add(1);
  delivery.Step();
  Answer(ErrorReply(403));
  EXPECT_EQ(Collector().name(), "collector");
  EXPECT_EQ(Collector().state(), Capability::STATE_FAILED);
  EXPECT_EQ(Collector().remedy(), "give the API key the scope 'ingest'");
}

TEST_F(DeliveryTest, CountsWhatTheCollectorLeftOut) {
  metrics.Add(1);
  delivery.Step();
  pgvigil::v1::BatchReply reply = Acknowledging(STREAM_METRICS, 1);
  pgvigil::v1::Refusal& refusal = *reply.add_refusals();
  refusal.set_reason("series_limit");
  refusal.set_items(12);
  Answer(Reply(reply));
  ASSERT_EQ(drops.Snapshot().size(), 1u);
  EXPECT_EQ(drops.Snapshot()[0].reason(), "refused:series_limit");
  EXPECT_EQ(drops.Snapshot()[0].items(), 12u);
  EXPECT_EQ(metrics.settled(), 1u);
}

TEST_F(DeliveryTest, IsNotAtRestWhileARequestIsUnderWay) {
  metrics.Add(1);
  EXPECT_FALSE(delivery.AtRest());
  delivery.Step();
  EXPECT_FALSE(delivery.AtRest());
  Answer(ErrorReply(503));
  EXPECT_TRUE(delivery.AtRest());
}

}  // namespace
}  // namespace agent::ship
