#include "collector/storage/maintenance/maintainer.h"

#include <algorithm>
#include <string>

#include "collector/storage/lock_keys.h"
#include "collector/storage/session.h"
#include "shared/concurrency/thread_name.h"
#include "shared/log/log.h"

namespace collector::storage {

using shared::Result;

namespace {

// How soon PostgreSQL is asked again when it could not be asked; later more seldom.
constexpr std::chrono::milliseconds kFirstClaim{200};

}  // namespace

Maintainer::Maintainer(MaintainerOptions options, std::vector<std::unique_ptr<Chore>> chores,
                       const shared::Clock& clock, const Readiness& readiness,
                       shared::metrics::Registry& registry)
    : options_(std::move(options)),
      clock_(clock),
      readiness_(readiness),
      owner_(registry.AddGauge("collector_maintenance_owner",
                               "1: this collector compacts, rolls up and drops old data")) {
  uint64_t seed = static_cast<uint64_t>(clock.Now().time_since_epoch().count());
  for (std::unique_ptr<Chore>& chore : chores) {
    const std::string name(chore->name());
    const auto runs = [&](const char* result) {
      return registry.AddCounter("collector_chore_runs_total", "Runs of chores of maintenance",
                                 {{"chore", name}, {"result", result}});
    };
    slots_.push_back(
        {std::move(chore), clock.Monotonic(), shared::Backoff(options_.retry, ++seed), runs("done"),
         runs("failed"),
         registry.AddCounter("collector_chore_seconds_total",
                             "Time that chores of maintenance took", {{"chore", name}})});
  }
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

void Maintainer::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Maintainer::Run(std::stop_token stop) {
  shared::SetThreadName("maintenance");
  shared::log::RateLimit warn_limit;
  shared::Backoff unanswered(
      {std::min(options_.claim_interval, kFirstClaim), options_.claim_interval},
      static_cast<uint64_t>(clock_.Now().time_since_epoch().count()));
  while (!stop.stop_requested()) {
    const Result<bool> owner = Claim();
    if (!owner) {
      uint64_t suppressed = 0;
      if (warn_limit.Allow(&suppressed)) {
        shared::log::Warn("maintenance: {} ({} more such failures)", owner.error().message,
                          suppressed);
      }
    }
    owner_.Set(owner && *owner ? 1 : 0);
    if (!owner || !*owner) {
      // Another is the owner; or PostgreSQL could not be asked, which may be over in a moment.
      const bool is_other = owner && connection_;
      WaitUntil(clock_.Monotonic() + (is_other ? options_.claim_interval : unanswered.Next()),
                stop);
      continue;
    }
    unanswered.Reset();
    if (Slot* slot = NextDue()) {
      RunOne(*slot, stop);
    } else {
      shared::MonotonicTime next = clock_.Monotonic() + options_.claim_interval;
      for (const Slot& each : slots_) next = std::min(next, each.due);
      WaitUntil(next, stop);
    }
  }
  owner_.Set(0);
  connection_.reset();  // and with it the lock
}

Result<bool> Maintainer::Claim() {
  if (connection_ && connection_->IsOpen() && is_owner_) return true;
  is_owner_ = false;
  if (!readiness_.Get()) return false;
  if (!connection_ || !connection_->IsOpen()) {
    connection_.reset();
    ASSIGN_OR_RETURN(connection_, OpenWriteSession(options_.connect, "maintenance"));
  }
  ASSIGN_OR_RETURN(
      const shared::postgres::Rows lock,
      connection_->Query("SELECT pg_try_advisory_lock($1)", {std::to_string(kMaintenanceLock)}));
  is_owner_ = lock.Bool(0, 0) == true;
  if (is_owner_) shared::log::Info("this collector owns maintenance");
  return is_owner_;
}

Maintainer::Slot* Maintainer::NextDue() {
  Slot* next = nullptr;
  for (Slot& slot : slots_) {
    if (slot.due <= clock_.Monotonic() && (next == nullptr || slot.due < next->due)) next = &slot;
  }
  return next;
}

void Maintainer::RunOne(Slot& slot, std::stop_token stop) {
  const shared::MonotonicTime begin = clock_.Monotonic();
  const Result<std::chrono::milliseconds> pause = slot.chore->Run(*connection_, clock_.Now(), stop);
  const shared::MonotonicTime end = clock_.Monotonic();
  slot.seconds.Increment(std::chrono::duration<double>(end - begin).count());
  if (pause) {
    slot.done.Increment();
    slot.backoff.Reset();
    slot.due = end + *pause;
    return;
  }
  slot.failed.Increment();
  slot.due = end + slot.backoff.Next();
  shared::log::Warn("{}: {}", slot.chore->name(), pause.error().message);
}

void Maintainer::WaitUntil(shared::MonotonicTime time, std::stop_token stop) {
  std::unique_lock lock(wait_mutex_);
  wait_.wait_for(lock, stop, time - clock_.Monotonic(), [] { return false; });
}

}  // namespace collector::storage
