#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "collector/access/key_source.h"
#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"
#include "shared/concurrency/ticker.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector::access {

using KeysById = std::unordered_map<std::string, KeyRecord>;

struct KeyRingOptions {
  std::chrono::milliseconds poll_interval{1'000};
  std::chrono::seconds use_interval{60};  // how often last_used_at is written
};

// The keys in memory, so that no request waits for PostgreSQL. A thread asks every second whether
// they changed: a key that was revoked is refused by every collector a second or two later. While
// PostgreSQL is away the last known keys go on being used, whatever is done to them there; they
// still expire. Thread-safe.
class KeyRing {
 public:
  // Arguments must outlive it. `on_look` runs on the ring's thread after each successful look.
  KeyRing(KeySource& source, const shared::Clock& clock, shared::metrics::Registry& registry,
          KeyRingOptions options, std::function<void()> on_look = {});
  ~KeyRing() { Stop(); }
  void Stop();

  // Null until they were read once.
  [[nodiscard]] std::shared_ptr<const KeysById> Keys() const;
  // Whether there is or was any key. Once there was one it stays true until the process ends: who
  // deletes all rows by hand locks everybody out rather than letting everybody in.
  [[nodiscard]] bool HasKeys() const;
  // kUnavailable: why they were not read yet.
  [[nodiscard]] shared::Result<void> Ready() const;

  // Remembers that a key was used; written now and then.
  void NoteUse(const std::string& key_id);
  // Puts an act that was denied into the audit log: each key's at most once a minute, with a count.
  void NoteDenied(const KeyRecord& key, std::string what);

  // Looks now, on the caller's thread: for tests.
  void Look();

 private:
  struct Denials {
    AuditEntry last;
    uint64_t count = 0;  // since the last entry in the log
    shared::MonotonicTime next{};
  };
  struct State {
    std::shared_ptr<const KeysById> keys;
    std::string problem = "PostgreSQL was not reached yet";
    bool had_keys = false;
    std::map<std::string, shared::WallTime> used;
    std::map<std::string, Denials> denied;  // by key
  };
  void Run(const std::stop_token& stop);
  shared::Result<void> Refresh();
  shared::Result<void> WriteUses();
  shared::Result<void> WriteDenials();

  KeySource& source_;
  const shared::Clock& clock_;
  const KeyRingOptions options_;
  const std::function<void()> on_look_;
  shared::metrics::Gauge keys_;
  shared::metrics::Gauge read_at_;
  shared::metrics::Counter failures_;
  shared::log::RateLimit warn_limit_;
  shared::Guarded<State> state_;

  std::mutex look_mutex_;  // one look at a time; guards what follows
  std::optional<int64_t> version_;
  shared::MonotonicTime next_uses_{};

  shared::Ticker ticker_;
  std::jthread thread_;  // last
};

}  // namespace collector::access
