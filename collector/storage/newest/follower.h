#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "collector/storage/layout_reader.h"
#include "collector/storage/newest/newest_blocks.h"
#include "collector/storage/readiness.h"
#include "shared/base/clock.h"
#include "shared/concurrency/backoff.h"
#include "shared/concurrency/timed_mutex.h"
#include "shared/metrics/registry.h"
#include "shared/postgres/connection.h"
#include "shared/wire/block_codec.h"

namespace collector::storage::newest {

struct FollowerOptions {
  shared::postgres::ConnectOptions connect;
  std::chrono::seconds window{3600};
  size_t max_bytes = size_t{256} << 20;
  std::chrono::milliseconds poll_interval{1'000};
};

// Keeps NewestBlocks at what pgvigil.block holds: reads the window once, host by host, then asks
// each second for the rows that its last snapshot did not see, whoever stored them. Has a thread
// and a connection of its own. When the connection is lost it begins anew, for another server may
// answer; until it is done, and without PostgreSQL, `blocks()` says that it is not complete, and
// readers ask PostgreSQL for everything.
class Follower {
 public:
  // All arguments must outlive it.
  Follower(FollowerOptions options, LayoutIndexes& layouts, const shared::Clock& clock,
           const Readiness& readiness, shared::metrics::Registry& registry);
  ~Follower() { Stop(); }
  void Stop();

  [[nodiscard]] const NewestBlocks& blocks() const { return blocks_; }
  // Brings blocks() to what was committed before this call, on the caller's thread; callers at the
  // same time share one look. False: it is not complete, or the deadline came first.
  bool CatchUp(shared::MonotonicTime deadline);

 private:
  void Run(std::stop_token stop);
  // Under busy_:
  shared::Result<void> Follow(const std::stop_token& stop);
  shared::Result<void> Load(const std::stop_token& stop);
  shared::Result<void> LoadHosts(const std::vector<int64_t>& hosts);
  shared::Result<void> Poll();
  shared::Result<void> Take(const shared::postgres::Rows& rows);
  shared::Result<LayoutsById> LayoutsOf(const shared::postgres::Rows& rows);
  [[nodiscard]] shared::WallTime WindowBegin() const;
  [[nodiscard]] std::string WindowSql() const;
  void Tell();

  const FollowerOptions options_;
  LayoutIndexes& layouts_;
  const shared::Clock& clock_;
  const Readiness& readiness_;
  shared::metrics::Gauge bytes_;
  shared::metrics::Gauge kept_blocks_;
  shared::metrics::Gauge pages_;
  shared::metrics::Gauge complete_;
  shared::metrics::Gauge oldest_seconds_;
  shared::metrics::Gauge poll_seconds_;
  shared::metrics::Counter taken_;
  shared::metrics::Counter damaged_;
  shared::metrics::Counter loads_;
  NewestBlocks blocks_;

  // Who reads L0. Held across I/O, unlike others: it is what waits for that very I/O.
  shared::TimedMutex busy_;
  // Under busy_:
  std::optional<shared::postgres::Connection> connection_;
  shared::wire::BlockDecoder decoder_;
  shared::model::Block block_;
  shared::WallTime from_;            // the window's begin
  std::string snapshot_;             // pg_snapshot of the last look: "xmin:xmax:xip,…"
  shared::MonotonicTime looked_at_;  // when the last look began
  bool loaded_ = false;

  std::mutex wait_mutex_;
  std::condition_variable_any wait_;  // nobody notifies: only a stop ends a wait early
  std::jthread thread_;               // last
};

}  // namespace collector::storage::newest
