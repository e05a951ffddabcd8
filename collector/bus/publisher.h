#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "collector/bus/feed.h"
#include "collector/bus/layout_memory.h"
#include "collector/config/collector_config.h"
#include "collector/ingest/batch_store.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/metrics/registry.h"

namespace collector::bus {

class Producer;
struct Record;
struct TopicState;

// ingest's way to Kafka: each batch is one record of kafka.topic, its bytes as they came, headers
// as in batch_headers.h, key the agent id (as UUID); before it the records that the feeds make of
// it. A batch is acknowledged when Kafka has it and its feed records.
//
//   - Layouts: a metrics batch that names a layout which neither it brings nor layout_memory.h
//   knows
//     is not published; the reply asks for the layout.
//   - A feed's record that can never be sent (too large, its topic missing or forbidden) is counted
//     and does not hold up the batch. A feed whose topic is missing is skipped until it is there.
//   - Topics are looked for at start, and again when one turns out to be missing.
//
// `done` gets a reply, or kInvalidInput for a batch that is larger than kafka.message_limit, or
// kUnavailable: Kafka is away, a topic is missing (the message has the command that makes it).
//
// Metrics: those of producer.h; collector_kafka_batches_total{result}: "published",
// "missing_layout", "refused", "unavailable"; collector_kafka_feed_items_total{feed},
// collector_kafka_feed_errors_total{feed,reason}. Thread-safe.
class Publisher final : public ingest::BatchStore {
 public:
  // Starts whether or not Kafka is there. kInvalidInput: settings that cannot work. Clock and
  // registry must outlive it.
  static shared::Result<std::unique_ptr<Publisher>> Open(const config::Kafka& kafka,
                                                         std::vector<std::unique_ptr<Feed>> feeds,
                                                         const shared::Clock& clock,
                                                         shared::metrics::Registry& registry);
  ~Publisher() override;

  bool Submit(ingest::AcceptedBatch& batch,
              std::function<void(shared::Result<pgvigil::v1::BatchReply>)> done) override;

  // Whether a batch can be published now. Waits for nothing.
  [[nodiscard]] shared::Result<void> Ready() const;

  // Takes nothing more, waits for Kafka's answers, at most until `deadline`. All callbacks come
  // before it returns. Idempotent.
  void Close(std::chrono::milliseconds deadline);

 private:
  using Reply = std::function<void(shared::Result<pgvigil::v1::BatchReply>)>;
  struct Outlet;     // a feed and its counters
  struct Departure;  // a batch that is with the producer
  class KnownLayouts;

  Publisher(const config::Kafka& kafka, std::vector<std::unique_ptr<Feed>> feeds,
            const shared::Clock& clock, shared::metrics::Registry& registry);
  [[nodiscard]] std::optional<shared::Error> TopicError() const;
  std::set<std::string> GatherLayouts(const ingest::AcceptedBatch& accepted, KnownLayouts& known,
                                      Departure& departure);
  std::vector<Record> FeedRecords(const ingest::AcceptedBatch& accepted, const KnownLayouts& known,
                                  Departure& departure);
  void Arrived(Departure& departure, std::span<const shared::Result<void>> results);
  void CountBatch(const char* result);
  void CountFeedError(const Outlet& outlet, std::string_view reason, uint64_t items);
  void LookAgain(Outlet& outlet);

  void RunTopics(const std::stop_token& stop);
  bool LookForTopics();
  bool LookFor(std::span<const std::string> topics);
  void Found(const std::string& topic, const TopicState& state);

  const config::Kafka kafka_;
  shared::metrics::Registry& registry_;
  std::vector<std::unique_ptr<Outlet>> outlets_;  // constant but for their flags
  LayoutMemory layouts_;
  std::unique_ptr<Producer> producer_;

  mutable std::mutex topics_mutex_;
  std::condition_variable_any topics_changed_;
  // Under topics_mutex_: why kafka.topic cannot be used; whether the thread shall look at once.
  std::optional<shared::Error> topic_error_;
  bool look_now_ = true;
  // Of the thread alone: what was logged of a topic; partitions of kafka.topic.
  std::map<std::string, std::string> trouble_;
  int partitions_ = 0;
  std::jthread topics_thread_;  // last
};

}  // namespace collector::bus
