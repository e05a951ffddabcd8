#include "tests/unit/agent/postgres/statements/model_server.h"

#include <algorithm>
#include <cmath>

namespace agent::postgres::statements {

ModelServer::ModelServer(int extension, size_t capacity, uint32_t seed)
    : extension_(extension), capacity_(capacity), random_(seed), now_(std::chrono::hours(500'000)) {
  epoch_.postmaster_start = Tick();
  if (extension_ >= kExtensionWithToplevel) epoch_.stats_reset = Tick();
}

shared::WallTime ModelServer::Tick() {
  return now_ += std::chrono::milliseconds(1);
}

void ModelServer::Parse(const Key& key) {
  if (entries_.count(key) != 0) return;
  if (entries_.size() >= capacity_) Evict();
  entries_[key] = Entry{.life = ++lives_, .stats_since = Tick(), .counters = {}};
}

void ModelServer::Execute(const Key& key) {
  Parse(key);
  Counters& c = entries_[key].counters;
  const double time = static_cast<double>(random_() % 40 + 1) / 4;
  c.calls += 1;
  c.rows += random_() % 3;
  c.total_exec_time += time;
  if (c.calls == 1) {
    c.min_exec_time = c.max_exec_time = c.mean_exec_time = time;
  } else {
    // Welford, as pgss_store has it. After a reset of minimum and maximum both are 0.
    const double old_mean = c.mean_exec_time;
    double squares = c.stddev_exec_time * c.stddev_exec_time * static_cast<double>(c.calls - 1);
    c.mean_exec_time += (time - old_mean) / static_cast<double>(c.calls);
    squares += (time - old_mean) * (time - c.mean_exec_time);
    c.stddev_exec_time = std::sqrt(std::max(squares, 0.0) / static_cast<double>(c.calls));
    if (c.min_exec_time == 0 && c.max_exec_time == 0) {
      c.min_exec_time = c.max_exec_time = time;
    } else {
      c.min_exec_time = std::min(c.min_exec_time, time);
      c.max_exec_time = std::max(c.max_exec_time, time);
    }
  }
  Counters& truth = truth_[key];
  truth.calls += 1;
  truth.total_exec_time += time;
  Tick();
}

// The least executed go, at least one, as entry_dealloc does.
void ModelServer::Evict() {
  for (size_t n = std::max<size_t>(1, entries_.size() / 4); n > 0 && !entries_.empty(); --n) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](auto& a, auto& b) {
      return a.second.counters.calls < b.second.counters.calls;
    }));
  }
  if (extension_ >= kExtensionWithToplevel) epoch_.dealloc += 1;
}

void ModelServer::ResetAll() {
  entries_.clear();
  if (extension_ < kExtensionWithToplevel) return;
  epoch_.dealloc = 0;
  epoch_.stats_reset = Tick();
}

void ModelServer::ResetOne(const Key& key) {
  entries_.erase(key);
}

void ModelServer::ResetMinMax(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end() || extension_ < kExtensionWithStatsSince) return;
  entry->second.counters.min_exec_time = 0;
  entry->second.counters.max_exec_time = 0;
}

void ModelServer::Crash(bool postmaster) {
  ResetAll();
  if (postmaster) epoch_.postmaster_start = Tick();
}

void ModelServer::RestartCleanly() {
  // Entries that were never executed are not kept.
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->second.counters.calls == 0 ? entries_.erase(entry) : std::next(entry);
  }
  epoch_.postmaster_start = Tick();
}

Reading ModelServer::Read() {
  epoch_.server_time = Tick();
  Reading reading(extension_, epoch_);
  for (const auto& [key, entry] : entries_) {
    if (entry.counters.calls == 0) continue;
    const bool since = extension_ >= kExtensionWithStatsSince;
    reading.Add(key, since ? entry.stats_since : shared::WallTime(), entry.counters);
  }
  reading.Finish();
  Tick();
  return reading;
}

}  // namespace agent::postgres::statements
