#pragma once

#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "collector/storage/read_pool.h"

namespace collector::storage {

// Where a series stands in chunks and rollups: pgvigil.series.family_id and family_ord.
struct FamilyPlace {
  int64_t family_id = 0;
  int16_t ord = 0;
};

// The places that readers met. A series gets its place once, for good, so nothing here grows old;
// one that has none yet is asked for again. Thread-safe.
class FamilyIndex {
 public:
  // By series id, those of the question that have a place; asks PostgreSQL for what is not known
  // yet. kInternal: an ord that no family has.
  shared::Result<std::unordered_map<int64_t, FamilyPlace>> Find(ReadSession& session,
                                                                std::span<const int64_t> series);

 private:
  std::shared_mutex mutex_;
  std::unordered_map<int64_t, FamilyPlace> places_;  // under mutex_
};

}  // namespace collector::storage
