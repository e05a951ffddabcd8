#include "collector/bus/feeds/make_feeds.h"

#include "collector/bus/feeds/otel_metrics.h"
#include "collector/bus/feeds/raw_host_logs.h"
#include "collector/bus/feeds/raw_logs.h"
#include "collector/bus/feeds/raw_queries.h"

namespace collector::bus {

namespace {

template <typename Kind>
void Add(const config::KafkaFeed& config, std::vector<std::unique_ptr<Feed>>& feeds) {
  if (config.enabled) feeds.push_back(std::make_unique<Kind>(config));
}

}  // namespace

std::vector<std::unique_ptr<Feed>> MakeFeeds(const config::Kafka& kafka) {
  std::vector<std::unique_ptr<Feed>> feeds;
  Add<OtelMetricsFeed>(kafka.otel_metrics, feeds);
  Add<RawHostLogsFeed>(kafka.raw_host_logs, feeds);
  Add<RawLogsFeed>(kafka.raw_logs, feeds);
  Add<RawQueriesFeed>(kafka.raw_queries, feeds);
  return feeds;
}

}  // namespace collector::bus
