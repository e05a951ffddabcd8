// From the queue of rounds to a collector over HTTP, on a real disk: batcher, spool and shipper,
// with a collector that is away, forgets layouts and answers nonsense, and an agent that is started
// anew.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/pipeline/batch_thread.h"
#include "agent/pipeline/batcher.h"
#include "agent/ship/shipper.h"
#include "agent/spool/spool.h"
#include "shared/base/file.h"
#include "shared/concurrency/guarded.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/zstd.h"
#include "tests/support/fake_http_server.h"

namespace agent {
namespace {

using namespace std::chrono_literals;

// What a collector remembers, and its moods.
class FakeCollector {
 public:
  FakeCollector()
      : server_([this](const tests::FakeRequest& request) { return Answer(request); }) {}

  [[nodiscard]] std::string url() const { return server_.Url(""); }
  // Times of all samples, each batch counted once.
  [[nodiscard]] std::multiset<int64_t> times() const {
    return state_.With([](const State& state) { return state.times; });
  }
  [[nodiscard]] int repeated() const {
    return state_.With([](const State& state) { return state.repeated; });
  }

 private:
  struct State {
    int requests = 0;
    int repeated = 0;
    uint64_t last = 0;
    std::set<std::string> layouts;
    std::multiset<int64_t> times;
  };

  tests::FakeReply Answer(const tests::FakeRequest& request) {
    return state_.With([&](State& state) { return Store(request, state); });
  }

  static tests::FakeReply Store(const tests::FakeRequest& request, State& state) {
    state.requests += 1;
    if (state.requests % 7 == 2) return {503, "busy"};
    if (state.requests % 7 == 4)
      return {200, "<html>log in to the wireless network</html>", "text/html"};
    if (state.requests % 7 == 6) state.layouts.clear();
    pgvigil::v1::Batch batch;
    EXPECT_TRUE(batch.ParseFromString(shared::wire::Decompress(request.body).value()));
    for (const pgvigil::v1::Layout& layout : batch.layouts()) state.layouts.insert(layout.hash());
    pgvigil::v1::BatchReply reply;
    reply.set_stream(batch.stream());
    reply.set_incarnation(batch.incarnation());
    for (const pgvigil::v1::MetricBlock& block : batch.blocks()) {
      if (!state.layouts.contains(block.layout_hash())) {
        reply.add_missing_layouts(block.layout_hash());
        break;
      }
    }
    if (reply.missing_layouts_size() == 0) {
      if (batch.sequence() <= state.last) state.repeated += 1;
      if (batch.sequence() == state.last + 1) {
        state.last += 1;
        for (const pgvigil::v1::MetricBlock& block : batch.blocks()) Keep(block, state);
      }
    }
    reply.set_acknowledged_sequence(state.last);
    // Stored, but the answer is lost: the agent must send it again, and it must not count twice.
    if (state.requests % 7 == 0) return {502, "bad gateway"};
    return {200, reply.SerializeAsString(), "application/x-protobuf"};
  }

  static void Keep(const pgvigil::v1::MetricBlock& message, State& state) {
    shared::model::Block block;
    const auto decoded = shared::wire::BlockDecoder().Decode(message.payload(), message.series(),
                                                             message.ticks(), block);
    ASSERT_TRUE(decoded) << decoded.error().message;
    state.times.insert(block.times_unix_nano.begin(), block.times_unix_nano.end());
  }

  mutable shared::Guarded<State> state_;
  tests::FakeHttpServer server_;  // last: its threads use the state
};

// One life of the agent.
class Agent {
 public:
  Agent(const std::string& directory, const std::string& url) {
    spool::SpoolOptions metrics_options;
    metrics_options.directory = directory + "/metrics";
    metrics_ = std::move(*spool::Spool::Open(metrics_options, files_, clock_, drops_));
    spool::SpoolOptions statements_options;
    statements_options.directory = directory + "/statements";
    statements_options.stream = pgvigil::v1::STREAM_STATEMENTS;
    statements_ = std::move(*spool::Spool::Open(statements_options, files_, clock_, drops_));
    layouts_ = std::make_unique<pipeline::LayoutStore>(
        *pipeline::LayoutStore::Open(directory + "/layouts", clock_));

    transport_ =
        std::make_unique<ship::HttpTransport>(std::move(*shared::http::Client::Create({})));
    ship::DeliveryOptions delivery_options;
    delivery_options.collector_url = url;
    delivery_options.retry = {1ms, 5ms};
    delivery_options.ramp = 1ms;
    const std::vector<ship::Outbox*> outboxes{metrics_.get(), statements_.get()};
    delivery_ = std::make_unique<ship::Delivery>(
        delivery_options, outboxes, *transport_,
        [this](std::string_view hash) { return layouts_->Find(hash); }, clock_, drops_,
        capabilities_);
    shipper_ = std::make_unique<ship::Shipper>(*delivery_, outboxes, *transport_, clock_);

    std::optional<pipeline::JournalContent> found;
    auto journal = pipeline::RoundJournal::Open(directory + "/rounds", 1 << 20, found);
    batcher_ = std::make_unique<pipeline::Batcher>(
        pipeline::BatcherOptions{.agent_id = "0123456789abcdef", .resource = {}, .period = 20ms},
        pipeline::BatcherParts{*metrics_, *statements_, *layouts_, drops_, clock_, nullptr,
                               std::move(*journal), std::move(found)});
    batch_thread_ = std::make_unique<pipeline::BatchThread>(queue_, *batcher_);
  }

  void Push(pipeline::Telemetry round) { ASSERT_TRUE(queue_.Push(round, 100, std::stop_token())); }
  // As on SIGTERM.
  void Stop(std::chrono::milliseconds deadline) {
    queue_.Close();
    EXPECT_TRUE(batch_thread_->Drain(clock_.Monotonic() + 10s));
    shipper_->Drain(clock_.Monotonic() + deadline);
  }
  [[nodiscard]] uint64_t waiting_bytes() const { return metrics_->waiting().waiting_bytes(); }

 private:
  const shared::SystemClock clock_;
  spool::DiskFiles files_;
  pipeline::Drops drops_;
  pipeline::Capabilities capabilities_;
  std::unique_ptr<spool::Spool> metrics_;
  std::unique_ptr<spool::Spool> statements_;
  std::unique_ptr<pipeline::LayoutStore> layouts_;
  std::unique_ptr<ship::HttpTransport> transport_;
  std::unique_ptr<ship::Delivery> delivery_;
  std::unique_ptr<ship::Shipper> shipper_;
  std::unique_ptr<pipeline::Batcher> batcher_;
  pipeline::TelemetryQueue queue_{1 << 20};
  std::unique_ptr<pipeline::BatchThread> batch_thread_;
};

TEST(Delivery, BringsEverySampleOnceThroughOutagesAndRestarts) {
  char name[] = "/tmp/pgvigil-delivery-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  FakeCollector collector;
  std::multiset<int64_t> expected;
  int64_t time = 1'767'225'600'000'000'000;
  for (int life = 0; life < 6; ++life) {
    Agent agent(directory, collector.url());
    for (int round = 0; round < 300; ++round) {
      auto layout = std::make_shared<shared::model::Layout>();
      layout->series.resize(1);
      layout->series[0].name = "metric" + std::to_string(life % 3);
      layout->hash = ComputeHash({}, layout->series);
      time += 1'000'000'000;
      expected.insert(time);
      agent.Push(pipeline::MetricRound{layout, shared::FromUnixNanos(time), {1.0}});
    }
    agent.Stop(life % 2 == 0 ? 0ms : 50ms);
  }
  // At last somebody waits for the collector.
  for (int attempt = 0; attempt < 200 && collector.times().size() < expected.size(); ++attempt) {
    Agent agent(directory, collector.url());
    agent.Stop(1000ms);
  }
  EXPECT_EQ(collector.times(), expected);
  EXPECT_GT(collector.repeated(), 0);  // the lost answers were played
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace agent
