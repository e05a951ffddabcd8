#pragma once

#include <cstdint>
#include <map>
#include <random>

#include "agent/postgres/statements/reading.h"

namespace agent::postgres::statements {

// pg_stat_statements as the server's source has it, in miniature: entries with their counters, at
// most `capacity` of them, evicted when there are more, reset, kept and lost. Execution times are
// multiples of 1/4 ms, so that all sums are exact.
class ModelServer {
 public:
  struct Entry {
    uint64_t life = 0;  // no two entries that ever existed have the same
    shared::WallTime stats_since;
    Counters counters;  // calls 0: parsed, not yet executed, and not shown
  };
  using Entries = std::map<Key, Entry>;

  ModelServer(int extension, size_t capacity, uint32_t seed);

  void Parse(const Key& key);    // creates the entry if there is none
  void Execute(const Key& key);  // once, with random cost
  void ResetAll();
  void ResetOne(const Key& key);
  void ResetMinMax(const Key& key);  // from 1.11 on
  void Crash(bool postmaster);       // loses all entries; with or without a new postmaster
  void RestartCleanly();             // keeps them

  // Takes time, as everything does.
  Reading Read();

  [[nodiscard]] const Entries& entries() const { return entries_; }
  // What was executed since the server was made, by key.
  [[nodiscard]] const std::map<Key, Counters>& truth() const { return truth_; }

 private:
  shared::WallTime Tick();
  void Evict();

  const int extension_;
  const size_t capacity_;
  std::mt19937 random_;
  shared::WallTime now_;
  Epoch epoch_;
  Entries entries_;
  std::map<Key, Counters> truth_;
  uint64_t lives_ = 0;
};

}  // namespace agent::postgres::statements
