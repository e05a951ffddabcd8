#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"
#include "shared/metrics/registry.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

struct ReplicaOptions {
  shared::postgres::ConnectOptions primary;
  shared::postgres::ConnectOptions replica;
  std::chrono::milliseconds max_lag{30'000};
  std::chrono::milliseconds look_interval{1'000};
};

// Says whether questions may go to a replica (a hot standby by streaming or archive): it must
// answer, be a standby of the primary's cluster, and have replayed what the primary had written
// max_lag ago. Positions in the WAL are compared, not times of transactions, so an idle primary
// does not make it look late; while the primary is away nothing newer than what was last seen is
// known, and the replica goes on answering. Looks each second, on a thread of its own.
//
// Metrics: collector_replica_usable, collector_replica_lag_seconds,
// collector_replica_fallbacks_total{reason="away" | "lag" | "not_standby" | "other_cluster"}.
// Thread-safe.
class ReplicaWatch {
 public:
  // The registry must outlive it.
  ReplicaWatch(ReplicaOptions options, shared::metrics::Registry& registry);
  ~ReplicaWatch();

  [[nodiscard]] bool IsUsable() const { return usable_; }
  // A connection to it was refused or lost: not usable until a look finds it well again.
  void ReportFailure();
  [[nodiscard]] const shared::postgres::ConnectOptions& connect() const { return options_.replica; }

 private:
  struct Seen {
    std::chrono::steady_clock::time_point at;
    int64_t written = 0;  // by the primary, in bytes of WAL
  };
  void Run(std::stop_token stop);
  // Why it cannot be used; "": it can.
  std::string_view Look();
  void LookAtPrimary();
  // Sets lag_; false: more than is allowed, or not known yet.
  bool IsRecent(int64_t replayed);
  void Tell(std::string_view reason);

  const ReplicaOptions options_;
  shared::metrics::Registry& registry_;
  const shared::metrics::Gauge usable_gauge_;
  const shared::metrics::Gauge lag_gauge_;
  std::atomic<bool> usable_{false};
  std::atomic<bool> failed_{false};  // reported since the last look
  // The thread's own:
  std::optional<shared::postgres::Connection> primary_;
  std::optional<shared::postgres::Connection> replica_;
  std::string cluster_;  // the primary's system identifier
  std::deque<Seen> seen_;
  std::string reason_ = "start";

  std::mutex wait_mutex_;
  std::condition_variable_any wait_;
  std::jthread thread_;  // last
};

}  // namespace collector::storage
