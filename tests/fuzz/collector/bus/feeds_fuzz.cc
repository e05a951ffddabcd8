#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "collector/bus/feeds/make_feeds.h"
#include "opentelemetry/proto/logs/v1/logs.pb.h"
#include "opentelemetry/proto/metrics/v1/metrics.pb.h"
#include "tests/support/feed_batches.h"

namespace {

using collector::bus::Feed;
using collector::bus::FeedRecord;

constexpr size_t kRecordBytes = 2'000;

template <typename Message>
void ExpectParses(const FeedRecord& record) {
  Message message;
  if (!message.ParseFromString(record.value)) std::abort();
}

void RunFeeds(const collector::ingest::AcceptedBatch& batch, const std::string& encoding) {
  collector::config::Kafka kafka;
  kafka.otel_metrics.encoding = kafka.raw_host_logs.encoding = encoding;
  const tests::BatchLayouts layouts(batch.batch);
  for (const std::unique_ptr<Feed>& feed : collector::bus::MakeFeeds(kafka)) {
    std::vector<FeedRecord> records;
    feed->Encode(batch, layouts, kRecordBytes, records);
    for (const FeedRecord& record : records) {
      if (record.items == 0 || record.value.empty()) std::abort();
      if (feed->content_type() != "application/x-protobuf") continue;
      if (feed->needs_layouts()) {
        ExpectParses<opentelemetry::proto::metrics::v1::MetricsData>(record);
      } else {
        ExpectParses<opentelemetry::proto::logs::v1::LogsData>(record);
      }
    }
  }
}

}  // namespace

// Whatever batch comes, the feeds write records with something in them, and OTLP that parses.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  collector::ingest::AcceptedBatch batch;
  batch.tenant = collector::access::kDefaultTenant;
  if (!batch.batch.ParseFromArray(data, static_cast<int>(size))) return 0;
  RunFeeds(batch, "otlp_proto");
  RunFeeds(batch, "otlp_json");
  return 0;
}
