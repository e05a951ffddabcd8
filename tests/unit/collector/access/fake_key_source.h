#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/access/key_source.h"
#include "collector/access/key_text.h"
#include "shared/concurrency/guarded.h"

namespace tests {

// A table of keys in memory. Thread-safe.
class FakeKeySource final : public collector::access::KeySource {
 public:
  struct State {
    collector::access::KeyList list{1, {}};
    std::optional<shared::Error> failure;
    std::map<std::string, shared::WallTime> uses;
    std::vector<collector::access::AuditEntry> audit;
    int reads = 0;
  };

  // Adds a key; returns its text.
  std::string Add(collector::access::KeyRecord record) {
    auto key = collector::access::MakeKey();
    record.id = key->id;
    record.hash = key->hash;
    state.With([&](State& now) {
      now.list.version += 1;
      now.list.keys.push_back(std::move(record));
    });
    return key->text.Reveal();
  }
  template <typename Function>
  void Change(const std::string& text, Function change) {
    state.With([&](State& now) {
      now.list.version += 1;
      for (auto& key : now.list.keys) {
        if (text.substr(4, 10) == key.id) change(key);
      }
    });
  }
  void Fail(std::optional<shared::Error> failure) {
    state.With([&](State& now) { now.failure = std::move(failure); });
  }

  shared::Result<std::optional<collector::access::KeyList>> Read(
      std::optional<int64_t> known) override {
    return state.With([&](State& now) -> shared::Result<std::optional<collector::access::KeyList>> {
      now.reads += 1;
      if (now.failure) return tl::make_unexpected(*now.failure);
      if (known == now.list.version) return std::nullopt;
      return now.list;
    });
  }
  shared::Result<void> RecordUses(
      const std::map<std::string, shared::WallTime>& last_used) override {
    return state.With([&](State& now) -> shared::Result<void> {
      if (now.failure) return tl::make_unexpected(*now.failure);
      for (const auto& [id, time] : last_used) now.uses[id] = time;
      return {};
    });
  }
  shared::Result<void> RecordAudit(
      const std::vector<collector::access::AuditEntry>& entries) override {
    return state.With([&](State& now) -> shared::Result<void> {
      if (now.failure) return tl::make_unexpected(*now.failure);
      now.audit.insert(now.audit.end(), entries.begin(), entries.end());
      return {};
    });
  }

  shared::Guarded<State> state;
};

// What KeyRing does by itself is the test's to do: it never looks on its own but once.
inline constexpr std::chrono::hours kNeverAgain{24};

}  // namespace tests
