#include "collector/storage/rollups/rollup_metrics.h"

namespace collector::storage {
namespace {

constexpr const char* kRows = "collector_rollup_rows_total";
constexpr const char* kRowsHelp = "Rows of rollups written, a family's day each, by step.";

}  // namespace

RollupMetrics::RollupMetrics(shared::metrics::Registry& registry)
    : lag_seconds(registry.AddGauge("collector_rollup_lag_seconds",
                                    "How long ago the oldest day ended that waits for rollups.")),
      waiting(registry.AddGauge("collector_rollup_waiting_days",
                                "Days that are over and wait for rollups, of all hosts.")),
      days(registry.AddCounter("collector_rollup_days_total",
                               "Days of a host of which rollups were made.")),
      five_minute_rows(registry.AddCounter(kRows, kRowsHelp, {{"step", "5m"}})),
      hour_rows(registry.AddCounter(kRows, kRowsHelp, {{"step", "1h"}})),
      samples(registry.AddCounter("collector_rollup_samples_total",
                                  "Samples that rollups were made of.")),
      kept_buckets(registry.AddCounter(
          "collector_rollup_kept_buckets_total",
          "Buckets that stayed as they were, for their samples are no longer stored.")),
      damaged_chunks(
          registry.AddCounter("collector_rollup_damaged_chunks_total",
                              "Chunks that could not be decoded and are in no rollup.")) {}

}  // namespace collector::storage
