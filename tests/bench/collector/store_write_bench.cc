// Samples per second into PostgreSQL, from many simulated agents, by way of the store: planning
// with a full decode of every block, positions, COPY, COMMIT. fsync is on. Client, collector and
// server share the machine. HTTP and protobuf's decode are not in it.
//
//   store_write_bench [seconds, 20] [agents, 200] [writers, 2]
//
// The last line is a JSON object.
#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collector/storage/store.h"
#include "shared/model/layout.h"
#include "shared/wire/block_codec.h"
#include "tests/bench/shared/host_blocks.h"
#include "tests/support/postgres_server.h"

namespace {

using namespace std::chrono_literals;
using collector::storage::Store;
using collector::storage::StoreOptions;
using shared::Result;

constexpr uint32_t kSeries = 500;
constexpr uint32_t kTicks = 6;
constexpr size_t kMinutes = 360;  // of data before it repeats, shifted: a block's time is its key

// The data's time of day, the machine's seconds.
class BenchClock final : public shared::Clock {
 public:
  explicit BenchClock(shared::WallTime now) : now_(now) {}
  [[nodiscard]] shared::WallTime Now() const override { return now_; }
  [[nodiscard]] shared::MonotonicTime Monotonic() const override {
    return std::chrono::steady_clock::now();
  }

 private:
  const shared::WallTime now_;
};

pgvigil::v1::Layout MakeLayout() {
  shared::model::Layout layout;
  for (uint32_t i = 0; i < kSeries; ++i) {
    layout.series.push_back({fmt::format("bench.metric_{}", i / 10),
                             "1",
                             shared::model::MetricKind::kCounter,
                             {{"index", std::to_string(i)}}});
  }
  layout.hash = shared::model::ComputeHash({}, layout.series);
  pgvigil::v1::Layout out;
  out.set_hash(layout.hash.bytes.data(), layout.hash.bytes.size());
  for (const auto& series : layout.series) {
    auto* one = out.add_series();
    one->set_name(series.name);
    one->set_unit(series.unit);
    one->set_kind(pgvigil::v1::METRIC_KIND_COUNTER);
    one->add_labels()->set_name(series.labels[0].name);
    one->mutable_labels(0)->set_value(series.labels[0].value);
  }
  return out;
}

// The blocks that all agents send, encoded once.
std::vector<pgvigil::v1::MetricBlock> MakeBlocks(const std::string& layout_hash) {
  std::vector<pgvigil::v1::MetricBlock> out;
  shared::wire::BlockEncoder encoder;
  for (const auto& block : shared::bench::MakeHostBlocks(1, kSeries, kTicks, kMinutes)) {
    pgvigil::v1::MetricBlock& one = out.emplace_back();
    one.set_layout_hash(layout_hash);
    one.set_first_unix_nano(static_cast<uint64_t>(block.times_unix_nano.front()));
    one.set_last_unix_nano(static_cast<uint64_t>(block.times_unix_nano.back()));
    one.set_ticks(kTicks);
    one.set_series(kSeries);
    encoder.Encode(block, *one.mutable_payload());
  }
  return out;
}

// Keeps one batch of each agent under way.
class Load {
 public:
  Load(Store& store, int agents)
      : store_(store),
        layout_(MakeLayout()),
        blocks_(MakeBlocks(layout_.hash())),
        sequences_(static_cast<size_t>(agents)) {}

  void Start() {
    under_way_ = static_cast<int>(sequences_.size());
    for (size_t agent = 0; agent < sequences_.size(); ++agent) Send(agent);
  }
  void StopAndWait() {
    stop_ = true;
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return under_way_ == 0; });
  }
  [[nodiscard]] uint64_t stored() const { return stored_; }
  [[nodiscard]] uint64_t failed() const { return failed_; }
  [[nodiscard]] shared::WallTime newest() const {
    return shared::FromUnixNanos(static_cast<int64_t>(blocks_.back().last_unix_nano()));
  }

 private:
  void Send(size_t agent) {
    const uint64_t sequence = ++sequences_[agent];
    if (stop_ || sequence > blocks_.size()) return Leave();
    collector::ingest::AcceptedBatch accepted;
    pgvigil::v1::Batch& batch = accepted.batch;
    std::string id(16, 'b');
    id.replace(0, 8, fmt::format("{:08}", agent));
    batch.set_agent_id(id);
    batch.set_incarnation(1);
    batch.set_stream(pgvigil::v1::STREAM_METRICS);
    batch.set_sequence(sequence);
    auto* name = batch.mutable_resource()->add_attributes();
    name->set_name("host.name");
    name->set_value(fmt::format("host-{}", agent));
    if (sequence == 1) *batch.add_layouts() = layout_;
    *batch.add_blocks() = blocks_[sequence - 1];
    accepted.tenant.value = 1;
    accepted.cost_bytes = batch.ByteSizeLong();
    const bool taken =
        store_.Submit(accepted, [this, agent](Result<pgvigil::v1::BatchReply> reply) {
          if (reply && reply->missing_layouts_size() == 0 && reply->refusals_size() == 0) {
            stored_ += 1;
          } else {
            failed_ += 1;
          }
          Send(agent);
        });
    if (!taken) {
      failed_ += 1;
      Leave();
    }
  }
  void Leave() {
    const std::lock_guard lock(mutex_);
    under_way_ -= 1;
    idle_.notify_all();
  }

  Store& store_;
  const pgvigil::v1::Layout layout_;
  const std::vector<pgvigil::v1::MetricBlock> blocks_;
  std::vector<uint64_t> sequences_;  // each touched by the one callback of its agent
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> stored_{0};
  std::atomic<uint64_t> failed_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
  int under_way_ = 0;  // under mutex_
};

double Ask(const tests::PostgresServer& server, std::string_view sql) {
  shared::postgres::Connection connection = server.Connect("pgvigil");
  const auto rows = connection.Query(sql);
  return rows && rows->size() > 0 ? rows->Double(0, 0).value_or(-1) : -1;
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 20;
  const int agents = argc > 2 ? std::atoi(argv[2]) : 200;
  const int writers = argc > 3 ? std::atoi(argv[3]) : 2;
  const tests::PostgresServer server({.settings = {{"shared_buffers", "512MB"},
                                                   {"max_wal_size", "4GB"},
                                                   {"fsync", "on"},
                                                   {"synchronous_commit", "on"},
                                                   {"full_page_writes", "on"}},
                                      .fsync = true});
  server.Execute("CREATE DATABASE pgvigil");
  // The blocks end at about the store's "now".
  const BenchClock clock(shared::FromUnixNanos(
      shared::bench::MakeHostBlocks(1, 1, kTicks, kMinutes).back().times_unix_nano.back()));
  shared::metrics::Registry registry;
  StoreOptions options;
  options.connect = server.Options("pgvigil");
  options.writers = writers;
  auto store = Store::Open(options, clock, registry);
  if (!store) return 1;
  while (!(*store)->reader().Ready()) std::this_thread::sleep_for(1ms);

  Load load(**store, agents);
  load.Start();
  // Registration of hosts, layouts and series is not what is measured.
  while (load.stored() < static_cast<uint64_t>(agents) && load.failed() == 0) {
    std::this_thread::sleep_for(10ms);
  }
  const uint64_t before = load.stored();
  const double wal_before = Ask(server, "SELECT pg_current_wal_lsn() - '0/0'");
  const auto begin = std::chrono::steady_clock::now();
  const auto end = begin + std::chrono::seconds(seconds);
  const uint64_t all = static_cast<uint64_t>(agents) * kMinutes;
  while (std::chrono::steady_clock::now() < end && load.stored() + load.failed() < all) {
    std::this_thread::sleep_for(10ms);
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const uint64_t stored = load.stored() - before;
  load.StopAndWait();
  const double samples = static_cast<double>(stored) * kSeries * kTicks;
  const double wal = Ask(server, "SELECT pg_current_wal_lsn() - '0/0'") - wal_before;
  const double disk = Ask(server,
                          "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
                          " WHERE inhparent = 'pgvigil.block'::regclass");
  const double rows = Ask(server, "SELECT count(*) FROM pgvigil.block");
  const double commits = Ask(server,
                             "SELECT xact_commit FROM pg_stat_database"
                             " WHERE datname = 'pgvigil'");
  (*store)->Close();
  fmt::print(
      "{{\"name\":\"store_write\",\"samples_per_s\":{:.0f},\"batches_per_s\":{:.0f},\"seconds\":{:."
      "1f},"
      "\"agents\":{},\"writers\":{},\"series\":{},\"ticks\":{},\"rows\":{:.0f},\"failed\":{},"
      "\"commits\":{:.0f},\"l0_bytes_per_sample\":{:.2f},\"wal_bytes_per_sample\":{:.2f}}}\n",
      samples / took, static_cast<double>(stored) / took, took, agents, writers, kSeries, kTicks,
      rows, load.failed(), commits, disk / (rows * kSeries * kTicks), wal / samples);
  return load.failed() == 0 ? 0 : 1;
}
