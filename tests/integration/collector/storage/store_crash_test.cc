#include <fmt/format.h>

#include <atomic>
#include <map>
#include <thread>

#include "collector/storage/migrations.h"
#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using pgvigil::v1::Batch;
using pgvigil::v1::BatchReply;
using shared::ErrorCode;

// An agent as ship/ is one: one batch of each stream under way, sent again until it is
// acknowledged.
class Agent {
 public:
  Agent(Store& store, int number, int64_t start) : store_(store), number_(number), start_(start) {}

  void Run(const std::atomic<bool>& stop) {
    while (!stop) {
      Deliver(Metrics(sequence_));
      Deliver(Logs(sequence_));
      sequence_ += 1;
    }
  }
  [[nodiscard]] uint64_t delivered() const { return sequence_ - 1; }
  [[nodiscard]] uint64_t failures() const { return failures_; }

 private:
  Batch Metrics(uint64_t sequence) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, number_, sequence);
    AddLayout(batch, layout_);
    AddBlock(batch, layout_, MakeBlock(3, 1, TimeOf(sequence)));
    return batch;
  }
  Batch Logs(uint64_t sequence) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, number_, sequence);
    auto* chunk = LogFileWriter('f').Begin(batch, (sequence - 1) * 200);
    LogFileWriter::Append(chunk, TimeOf(sequence), 17, fmt::format("line {}", sequence * 2));
    LogFileWriter::Append(chunk, TimeOf(sequence), 9, fmt::format("line {}", sequence * 2 + 1));
    return batch;
  }
  int64_t TimeOf(uint64_t sequence) const {
    return start_ + static_cast<int64_t>(sequence) * kSecond / 100;
  }
  void Deliver(const Batch& batch) {
    while (true) {
      const Result<BatchReply> reply = Submit(store_, batch);
      if (reply) {
        EXPECT_EQ(reply->acknowledged_sequence(), batch.sequence());
        return;
      }
      EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable) << reply.error().message;
      failures_ += 1;
      std::this_thread::yield();
    }
  }

  Store& store_;
  const int number_;
  const int64_t start_;
  const shared::model::Layout layout_ = MakeLayout(3);
  uint64_t sequence_ = 1;
  uint64_t failures_ = 0;
};

TEST(StoreCrash, LosesAndDoublesNothingWhenTheServerIsKilled) {
  PostgresServer server({.settings = {{"fsync", "on"}, {"synchronous_commit", "off"}}});
  server.Execute("CREATE DATABASE pgvigil");
  const shared::SystemClock clock;
  shared::metrics::Registry registry;
  StoreOptions options;
  options.connect = server.Options("pgvigil");
  options.reconnect = {std::chrono::milliseconds(5), std::chrono::milliseconds(20)};
  auto store = Store::Open(options, clock, registry);
  ASSERT_TRUE(store);

  constexpr int kAgents = 8;
  const int64_t start = shared::ToUnixNanos(clock.Now()) / kSecond * kSecond;
  std::vector<std::unique_ptr<Agent>> agents;
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  for (int i = 1; i <= kAgents; ++i) agents.push_back(std::make_unique<Agent>(**store, i, start));
  for (auto& agent : agents) threads.emplace_back([&] { agent->Run(stop); });

  const auto ask = [&](std::string_view sql) {
    shared::postgres::Connection connection = server.Connect("pgvigil");
    const auto rows = connection.Query(sql);
    return rows && rows->size() > 0 ? rows->Int(0, 0).value_or(-1) : int64_t{-1};
  };
  for (int crash = 0; crash < 4; ++crash) {
    // Kill while batches flow: wait until some more were stored.
    const int64_t before = ask("SELECT count(*) FROM pgvigil.block");
    while (ask("SELECT count(*) FROM pgvigil.block") < std::max<int64_t>(before, 0) + 200) {
      std::this_thread::yield();
    }
    server.Kill9();
    server.Start();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();

  int64_t delivered = 0;
  uint64_t failures = 0;
  for (const auto& agent : agents) {
    delivered += static_cast<int64_t>(agent->delivered());
    failures += agent->failures();
  }
  EXPECT_GT(delivered, 800);
  EXPECT_GT(failures, 0u);
  // The ledger: everything acknowledged is stored exactly once, and nothing else is.
  EXPECT_EQ(ask("SELECT count(*) FROM pgvigil.block"), delivered);
  EXPECT_EQ(ask("SELECT (SELECT coalesce(sum(lines), 0) FROM pgvigil.log_block) +"
                " (SELECT coalesce(sum(lines), 0) FROM pgvigil.log_segment)"),
            2 * delivered);
  EXPECT_EQ(ask("SELECT count(*) FROM (SELECT DISTINCT host_id, body FROM pgvigil.log_event) e"),
            delivered);
  EXPECT_EQ(ask("SELECT sum(gaps) FROM pgvigil.agent_stream"), 0);
  EXPECT_EQ(ask("SELECT sum(gap_bytes) FROM pgvigil.log_file"), 0);
  EXPECT_EQ(ask("SELECT sum(batches) FROM pgvigil.agent_stream"), 2 * delivered);
}

TEST(StoreCrash, StartsBeforePostgresqlAndBecomesReadyByItself) {
  PostgresServer server;
  server.Execute("CREATE DATABASE pgvigil");
  server.Stop();
  const shared::SystemClock clock;
  shared::metrics::Registry registry;
  StoreOptions options;
  options.connect = server.Options("pgvigil");
  options.reconnect = {std::chrono::milliseconds(5), std::chrono::milliseconds(20)};
  auto store = Store::Open(options, clock, registry);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_FALSE((*store)->reader().Ready());
  const Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1);
  const Result<BatchReply> early = Submit(**store, batch);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kUnavailable);
  server.Start();
  while (!(*store)->reader().Ready()) std::this_thread::yield();
  const Result<BatchReply> reply = Submit(**store, batch);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->acknowledged_sequence(), 1u);
}

TEST(StoreCrash, RefusesToWorkOnANewerSchema) {
  PostgresServer server;
  server.Execute("CREATE DATABASE pgvigil");
  server.Execute(
      "CREATE SCHEMA pgvigil; CREATE TABLE pgvigil.schema_migration (version int4, name text,"
      " checksum text); INSERT INTO pgvigil.schema_migration VALUES (99, 'future', 'x')",
      "pgvigil");
  const shared::SystemClock clock;
  shared::metrics::Registry registry;
  StoreOptions options;
  options.connect = server.Options("pgvigil");
  options.reconnect = {std::chrono::milliseconds(5), std::chrono::milliseconds(20)};
  auto store = Store::Open(options, clock, registry);
  ASSERT_TRUE(store);
  std::string reason;
  while (reason.find("schema") == std::string::npos) {
    reason = (*store)->reader().Ready().error().message;
  }
  EXPECT_EQ(reason,
            fmt::format("schema: the database has schema version 99 (future), this collector knows "
                        "up to {}: install the newer collector",
                        collector::storage::EmbeddedMigrations().back().version));
  const Result<BatchReply> reply = Submit(**store, AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(reply.error().message, reason);
}

}  // namespace
}  // namespace tests
