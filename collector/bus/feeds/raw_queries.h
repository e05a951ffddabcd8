#pragma once

#include "collector/bus/feed.h"
#include "collector/config/collector_config.h"

namespace collector::bus {

// [kafka.feeds.raw-queries]: what each statement did in each interval, one JSON document per
// statement and interval of kind "postgresql.statement" (proto/schemas/raw-queries.v1.schema.json;
// envelope in document.h). The body has the counters under the names of pg_stat_statements'
// columns; calls, rows and total_exec_time_ms always, the others when not 0. An agent sends the
// text of a statement once: when the batch has it, the document has text and fingerprint; a text
// without a statement in the batch is a document of kind "postgresql.statement_text". A document
// that is too large goes without its text, which is counted as lost.
class RawQueriesFeed final : public Feed {
 public:
  explicit RawQueriesFeed(const config::KafkaFeed& config) : topic_(config.topic) {}

  [[nodiscard]] std::string_view name() const override { return "raw-queries"; }
  [[nodiscard]] std::string_view topic() const override { return topic_; }
  [[nodiscard]] std::string_view content_type() const override { return "application/json"; }
  [[nodiscard]] bool needs_layouts() const override { return false; }
  uint64_t Encode(const ingest::AcceptedBatch& batch, const LayoutSource& layouts,
                  size_t record_bytes, std::vector<FeedRecord>& out) const override;

 private:
  const std::string topic_;
};

}  // namespace collector::bus
