#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "collector/access/tenant.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"

namespace collector::bus {

struct LayoutMemoryOptions {
  size_t bytes = size_t{256} << 20;  // the least recently used goes first
  // After so long a layout is asked for again, so that a topic that was made anew or a store that
  // lost its data gets it. Each layout has a little less, by its hash, lest a fleet answers at
  // once.
  std::chrono::seconds lifetime{900};
  bool keep_content = true;  // false: only that a layout is known
};

// The layouts that agents sent and Kafka acknowledged. ingest does not ask PostgreSQL what it
// knows; a layout that is forgotten costs one question to its agent. Thread-safe.
class LayoutMemory {
 public:
  using Layout = std::shared_ptr<const pgvigil::v1::Layout>;  // shared with batches under way

  // The clock must outlive it.
  LayoutMemory(LayoutMemoryOptions options, const shared::Clock& clock)
      : options_(options), clock_(clock) {}

  // null: unknown, or known for too long.
  [[nodiscard]] Layout Find(access::TenantId tenant, std::string_view agent_id,
                            std::string_view hash);
  // A layout that is known already lives on from now.
  void Remember(access::TenantId tenant, std::string_view agent_id, Layout layout);

  [[nodiscard]] size_t bytes() const;

 private:
  using Key = std::tuple<int32_t, std::string, std::string>;  // tenant, agent, hash
  struct Entry {
    Key key;
    Layout layout;
    size_t bytes = 0;
    shared::MonotonicTime forget_at;
  };
  struct State {
    std::list<Entry> entries;  // the most recently used first
    std::map<Key, std::list<Entry>::iterator> by_key;
    size_t bytes = 0;
    void Erase(std::list<Entry>::iterator entry);
  };

  const LayoutMemoryOptions options_;
  const shared::Clock& clock_;
  shared::Guarded<State> state_;
};

}  // namespace collector::bus
