#pragma once

#include "shared/base/result.h"
#include "shared/concurrency/guarded.h"

namespace collector::storage {

// Whether the schema is there, as upkeep last found. Thread-safe.
class Readiness {
 public:
  void Set(shared::Result<void> state) {
    state_.With([&](shared::Result<void>& current) { current = std::move(state); });
  }
  // The reason why not, as upkeep put it.
  [[nodiscard]] shared::Result<void> Get() const { return state_.Copy(); }

 private:
  shared::Guarded<shared::Result<void>> state_{shared::Result<void>(
      shared::Fail(shared::ErrorCode::kUnavailable, "PostgreSQL was not reached yet"))};
};

}  // namespace collector::storage
