#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgvigil/v1/batch.pb.h"
#include "shared/concurrency/guarded.h"

namespace agent::pipeline {

// Every loss of data in the agent, counted by stream and reason. Thread-safe.
class Drops {
 public:
  // `items` samples, records or deltas of `stream` were lost.
  void Add(pgvigil::v1::Stream stream, std::string_view reason, uint64_t items, uint64_t bytes = 0);
  [[nodiscard]] std::vector<pgvigil::v1::Dropped> Snapshot() const;

 private:
  struct Sum {
    uint64_t items = 0;
    uint64_t bytes = 0;
  };
  shared::Guarded<std::map<std::pair<int, std::string>, Sum>> sums_;
};

// What the agent can collect at present, by name: "host", "postgres:main", "logs:main". Sources set
// their own; the batcher sends all with every metrics batch. Thread-safe.
class Capabilities {
 public:
  void Set(std::string_view name, pgvigil::v1::Capability::State state,
           std::string_view detail = {}, std::string_view remedy = {});
  [[nodiscard]] std::vector<pgvigil::v1::Capability> Snapshot() const;

 private:
  shared::Guarded<std::map<std::string, pgvigil::v1::Capability>> states_;
};

}  // namespace agent::pipeline
