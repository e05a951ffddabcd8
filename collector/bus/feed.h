#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/ingest/batch_store.h"

namespace collector::bus {

// The layouts that blocks of a batch may name: those of the batch itself and those that the same
// agent sent before.
class LayoutSource {
 public:
  virtual ~LayoutSource() = default;
  // null: unknown. `hash`: 16 bytes. Valid during the call of Encode.
  [[nodiscard]] virtual const pgvigil::v1::Layout* Find(const std::string& hash) const = 0;
};

// One record for others' topic.
struct FeedRecord {
  std::string key;  // agent id as UUID, so that a host's records keep their order
  std::string value;
  uint64_t items = 0;  // data points, log records or statements in it
};

// Turns batches into records that others can read: one per [kafka.feeds.NAME]. Called by several
// threads at once; keeps no state of batches.
class Feed {
 public:
  virtual ~Feed() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // "otel-metrics"
  [[nodiscard]] virtual std::string_view topic() const = 0;
  [[nodiscard]] virtual std::string_view content_type() const = 0;  // header `content-type`
  // True when Encode wants layouts.
  [[nodiscard]] virtual bool needs_layouts() const = 0;
  // Appends what this feed carries of the batch: nothing, one record, or several of at most about
  // `record_bytes` each. Returns how many items could not be turned (no layout, a damaged block).
  virtual uint64_t Encode(const ingest::AcceptedBatch& batch, const LayoutSource& layouts,
                          size_t record_bytes, std::vector<FeedRecord>& out) const = 0;
};

}  // namespace collector::bus
