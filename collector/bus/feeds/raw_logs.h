#pragma once

#include "collector/bus/feed.h"
#include "collector/config/collector_config.h"

namespace collector::bus {

// [kafka.feeds.raw-logs]: the events of PostgreSQL's logs, one JSON document each
// (proto/schemas/raw-logs.v1.schema.json; envelope in document.h). Fields of the body have
// jsonlog's meaning; what the line does not have is absent. An event that is too large is sent with
// its texts cut and "truncated":true.
class RawLogsFeed final : public Feed {
 public:
  explicit RawLogsFeed(const config::KafkaFeed& config) : topic_(config.topic) {}

  [[nodiscard]] std::string_view name() const override { return "raw-logs"; }
  [[nodiscard]] std::string_view topic() const override { return topic_; }
  [[nodiscard]] std::string_view content_type() const override { return "application/json"; }
  [[nodiscard]] bool needs_layouts() const override { return false; }
  uint64_t Encode(const ingest::AcceptedBatch& batch, const LayoutSource& layouts,
                  size_t record_bytes, std::vector<FeedRecord>& out) const override;

 private:
  const std::string topic_;
};

}  // namespace collector::bus
