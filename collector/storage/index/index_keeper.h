#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>

#include "collector/storage/index/index_loader.h"
#include "collector/storage/readiness.h"
#include "shared/metrics/registry.h"

namespace collector::storage {

struct IndexOptions {
  shared::postgres::ConnectOptions connect;
  std::chrono::milliseconds refresh_interval{10'000};  // of what nobody asks for
  std::chrono::milliseconds hosts_interval{30'000};
  std::chrono::milliseconds seen_interval{30'000};
  std::chrono::milliseconds reload_interval{86'400'000};
  std::chrono::milliseconds refresh_deadline{2'000};
};

// Holds the label index of this process: a cache of pgvigil.series that every start rebuilds, in a
// thread of its own, so that the collector answers from its first second (until then from SQL, with
// the same answers).
//
// A question sees every series that was committed before it was asked, by whichever collector: it
// first reads what is new (one statement of a fraction of a millisecond), and questions that come
// meanwhile share the next such round. New names of hosts and series that come
// back to life after days are seen within half a minute. Once a day the index is built anew,
// without the series that were deleted, and beside the old one: twice the memory for a few seconds.
//
// Thread-safe. References must outlive it. Metrics: collector_index_series, collector_index_bytes,
// collector_index_load_seconds.
class IndexKeeper {
 public:
  IndexKeeper(IndexOptions options, const shared::Clock& clock, const Readiness& readiness,
              shared::metrics::Registry& registry);
  ~IndexKeeper() { Stop(); }
  void Stop();

  // Calls `ask` with the index, refreshed. False, without a call: not loaded yet, or PostgreSQL
  // does not answer.
  bool Ask(const std::function<void(const SeriesIndex&)>& ask);

 private:
  struct Loaded {
    explicit Loaded(const shared::Clock& clock, Day lately) : loader(clock), index(lately) {}
    IndexLoader loader;
    SeriesIndex index;
  };

  void Run(std::stop_token stop);
  shared::Result<void> Load(std::stop_token stop);
  // What is new as of now, for all whose tickets were given out before.
  shared::Result<void> Refresh();
  // One kind of news, read and applied; under refresh_mutex_.
  using Read =
      std::function<shared::Result<IndexLoader::News>(IndexLoader&, shared::postgres::Connection&)>;
  shared::Result<bool> ReadAndApply(const Read& read);
  shared::Result<void> RefreshRarely(const Read& read);
  shared::Result<void> Connect();

  const IndexOptions options_;
  const shared::Clock& clock_;
  const Readiness& readiness_;
  const shared::metrics::Gauge series_;
  const shared::metrics::Gauge bytes_;
  const shared::metrics::Gauge load_seconds_;
  std::atomic<uint64_t> tickets_{0};
  std::atomic<bool> is_loaded_{false};
  // Taken before index_mutex_.
  std::mutex refresh_mutex_;
  std::optional<shared::postgres::Connection> connection_;
  uint64_t covered_ = 0;
  // Written under both, so that it may be read under either.
  std::shared_mutex index_mutex_;
  std::unique_ptr<Loaded> loaded_;
  std::mutex wait_mutex_;
  std::condition_variable_any wait_;
  std::jthread thread_;  // last
};

}  // namespace collector::storage
