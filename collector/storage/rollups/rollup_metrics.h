#pragma once

#include "shared/metrics/registry.h"

namespace collector::storage {

// collector_rollup_…. Thread-safe; the registry must outlive it.
struct RollupMetrics {
  explicit RollupMetrics(shared::metrics::Registry& registry);

  shared::metrics::Gauge lag_seconds;  // how long ago the oldest day ended that waits; 0: none
  shared::metrics::Gauge waiting;      // days of a host that wait
  shared::metrics::Counter days;       // of a host, made
  shared::metrics::Counter five_minute_rows;
  shared::metrics::Counter hour_rows;
  shared::metrics::Counter samples;         // that rollups were made of
  shared::metrics::Counter kept_buckets;    // their samples are gone: the old ones stay
  shared::metrics::Counter damaged_chunks;  // left out
};

}  // namespace collector::storage
