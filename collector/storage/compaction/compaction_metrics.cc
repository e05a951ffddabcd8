#include "collector/storage/compaction/compaction_metrics.h"

namespace collector::storage {
namespace {

constexpr const char* kRefused = "collector_compaction_refused_samples_total";
constexpr const char* kRefusedHelp = "Samples that are in no chunk, by reason.";
constexpr const char* kSamples = "collector_compaction_samples_total";
constexpr const char* kSamplesHelp = "Samples written into chunks, by where they came from.";
constexpr const char* kDamaged = "collector_compaction_damaged_total";
constexpr const char* kDamagedHelp = "Stored blocks and chunks that could not be decoded.";

}  // namespace

CompactionMetrics::CompactionMetrics(shared::metrics::Registry& registry)
    : lag_seconds(registry.AddGauge("collector_compaction_lag_seconds",
                                    "How long ago the oldest window closed that waits.")),
      windows(registry.AddCounter("collector_compaction_windows_total",
                                  "Windows of a host that were compacted.")),
      late_windows(registry.AddCounter("collector_compaction_late_windows_total",
                                       "Those of them that had been compacted before.")),
      samples(registry.AddCounter(kSamples, kSamplesHelp, {{"from", "blocks"}})),
      merged_samples(registry.AddCounter(kSamples, kSamplesHelp, {{"from", "chunks"}})),
      chunks(registry.AddCounter("collector_compaction_chunks_total", "Chunks written.")),
      chunk_bytes(registry.AddCounter("collector_compaction_chunk_bytes_total",
                                      "Size of the chunks written.")),
      duplicates(registry.AddCounter(kRefused, kRefusedHelp, {{"reason", "duplicate_timestamp"}})),
      left_out(registry.AddCounter(kRefused, kRefusedHelp, {{"reason", "chunk_limit"}})),
      damaged_blocks(registry.AddCounter(kDamaged, kDamagedHelp, {{"what", "block"}})),
      damaged_chunks(registry.AddCounter(kDamaged, kDamagedHelp, {{"what", "chunk"}})) {}

}  // namespace collector::storage
