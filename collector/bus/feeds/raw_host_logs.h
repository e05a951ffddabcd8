#pragma once

#include "collector/bus/feed.h"
#include "collector/bus/feeds/otlp_records.h"
#include "collector/config/collector_config.h"

namespace collector::bus {

// [kafka.feeds.raw-host-logs]: the lines of log files that are not PostgreSQL's, as OTLP LogsData;
// framing in otlp_records.h. Body: the message. Attributes: host.name (as the line says, while the
// resource's is the agent's), syslog.program, process.pid, log.file.path, log.file.record_offset,
// what else the line carries (syslog.facility …); pgvigil.truncated and pgvigil.sanitised when the
// agent had to change the text. A record that is too large is sent with its texts cut.
class RawHostLogsFeed final : public Feed {
 public:
  explicit RawHostLogsFeed(const config::KafkaFeed& config);

  [[nodiscard]] std::string_view name() const override { return "raw-host-logs"; }
  [[nodiscard]] std::string_view topic() const override { return topic_; }
  [[nodiscard]] std::string_view content_type() const override { return ContentType(encoding_); }
  [[nodiscard]] bool needs_layouts() const override { return false; }
  uint64_t Encode(const ingest::AcceptedBatch& batch, const LayoutSource& layouts,
                  size_t record_bytes, std::vector<FeedRecord>& out) const override;

 private:
  const std::string topic_;
  const OtlpEncoding encoding_;
};

}  // namespace collector::bus
