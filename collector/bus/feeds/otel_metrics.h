#pragma once

#include "collector/bus/feed.h"
#include "collector/bus/feeds/otlp_records.h"
#include "collector/config/collector_config.h"

namespace collector::bus {

// [kafka.feeds.otel-metrics]: every metric as OTLP MetricsData; framing in otlp_records.h, kinds in
// metric_writer.h.
// Points have the labels of the series and of its layout as attributes; where both have a name, the
// series' own wins. Of a run of stale markers within a block only the first becomes a point
// (NO_RECORDED_VALUE): the rest would say the same again. Series of one name, unit and kind become
// one Metric, which goes on in the next record when this one is full.
class OtelMetricsFeed final : public Feed {
 public:
  // A batch yields at most so many bytes; points beyond are counted as lost. A few bytes of block
  // may hold millions of points, and all would be in memory at once.
  static constexpr size_t kBatchLimitBytes = size_t{256} << 20;

  explicit OtelMetricsFeed(const config::KafkaFeed& config);

  [[nodiscard]] std::string_view name() const override { return "otel-metrics"; }
  [[nodiscard]] std::string_view topic() const override { return topic_; }
  [[nodiscard]] std::string_view content_type() const override { return ContentType(encoding_); }
  [[nodiscard]] bool needs_layouts() const override { return true; }
  uint64_t Encode(const ingest::AcceptedBatch& batch, const LayoutSource& layouts,
                  size_t record_bytes, std::vector<FeedRecord>& out) const override;

 private:
  const std::string topic_;
  const OtlpEncoding encoding_;
};

}  // namespace collector::bus
