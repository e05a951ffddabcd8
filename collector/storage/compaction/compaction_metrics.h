#pragma once

#include "shared/metrics/registry.h"

namespace collector::storage {

// collector_compaction_…. Thread-safe; the registry must outlive it.
struct CompactionMetrics {
  explicit CompactionMetrics(shared::metrics::Registry& registry);

  shared::metrics::Gauge lag_seconds;  // how long ago the oldest window closed that waits; 0: none
  shared::metrics::Counter windows;
  shared::metrics::Counter late_windows;
  shared::metrics::Counter samples;         // moved from blocks into chunks
  shared::metrics::Counter merged_samples;  // moved from short chunks into long ones
  shared::metrics::Counter chunks;
  shared::metrics::Counter chunk_bytes;
  shared::metrics::Counter duplicates;  // samples left out, reason "duplicate_timestamp"
  shared::metrics::Counter left_out;    // likewise, "chunk_limit"
  shared::metrics::Counter damaged_blocks;
  shared::metrics::Counter damaged_chunks;
};

}  // namespace collector::storage
