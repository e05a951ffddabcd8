#pragma once

#include <chrono>

#include "collector/storage/maintenance/chore.h"
#include "shared/metrics/registry.h"

namespace collector::storage {

// Vacuums and freezes each daily partition once, when its time has passed and stragglers are in:
// one pass at a quiet moment of our choice instead of an anti-wraparound vacuum over everything at
// a moment of PostgreSQL's. Autovacuum stays on: on frozen pages it finds nothing to do, and it
// tidies up after late data. Hourly partitions are dropped before they need it.
class Freezer final : public Chore {
 public:
  explicit Freezer(shared::metrics::Registry& registry,
                   std::chrono::hours settle = std::chrono::hours(3));

  [[nodiscard]] std::string_view name() const override { return "freeze"; }
  // One partition a run.
  shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                shared::WallTime now,
                                                std::stop_token stop) override;

 private:
  const std::chrono::hours settle_;
  const shared::metrics::Counter frozen_;
};

}  // namespace collector::storage
