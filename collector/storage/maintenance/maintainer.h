#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "collector/storage/maintenance/chore.h"
#include "collector/storage/readiness.h"
#include "shared/concurrency/backoff.h"
#include "shared/metrics/registry.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

struct MaintainerOptions {
  shared::postgres::ConnectOptions connect;
  // How often a collector asks to be the owner while another is. While the store is not ready, or
  // PostgreSQL away, it asks sooner, after 0.2 s at first.
  std::chrono::milliseconds claim_interval{10'000};
  shared::Backoff::Config retry{std::chrono::seconds(1), std::chrono::seconds(60)};  // of a chore
};

// One thread that runs chores while this collector owns maintenance. Owner is who holds a session
// advisory lock (lock_keys.h): it ends with the connection, so that a collector that dies, or
// loses PostgreSQL, is succeeded by another within claim_interval. The lock is asked for again
// before each chore on a new connection only: PostgreSQL keeps it as long as the session lives.
//
// Chores are taken in turn, each when it is due; one that has more to do waits for the others that
// are due. Metrics: collector_maintenance_owner, collector_chore_runs_total{chore,result},
// collector_chore_seconds_total{chore}. References must outlive it.
class Maintainer {
 public:
  Maintainer(MaintainerOptions options, std::vector<std::unique_ptr<Chore>> chores,
             const shared::Clock& clock, const Readiness& readiness,
             shared::metrics::Registry& registry);
  ~Maintainer() { Stop(); }

  // Ends the thread after the chore under way.
  void Stop();

 private:
  struct Slot {
    std::unique_ptr<Chore> chore;
    shared::MonotonicTime due;
    shared::Backoff backoff;
    shared::metrics::Counter done;
    shared::metrics::Counter failed;
    shared::metrics::Counter seconds;
  };

  void Run(std::stop_token stop);
  // True: this collector is the owner, and connection_ is open.
  shared::Result<bool> Claim();
  void RunOne(Slot& slot, std::stop_token stop);
  // The due chore that waits longest, or null.
  Slot* NextDue();
  void WaitUntil(shared::MonotonicTime time, std::stop_token stop);

  const MaintainerOptions options_;
  const shared::Clock& clock_;
  const Readiness& readiness_;
  const shared::metrics::Gauge owner_;
  // Run thread only:
  std::vector<Slot> slots_;
  std::optional<shared::postgres::Connection> connection_;
  bool is_owner_ = false;
  std::mutex wait_mutex_;
  std::condition_variable_any wait_;
  std::jthread thread_;  // last
};

}  // namespace collector::storage
