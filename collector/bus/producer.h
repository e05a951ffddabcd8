#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "collector/bus/client.h"
#include "collector/config/collector_config.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector::bus {

// What goes to Kafka. The key chooses the partition as Java's default does (murmur2) and must not
// be empty.
struct Record {
  std::string topic;
  std::string key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Sends records, each at least once and in order within a partition: idempotent, acks=all. A record
// that was taken stays until Kafka has it or refuses it for good; it never times out in librdkafka,
// for a hole among the sequence numbers of an idempotent producer is fatal (librdkafka #704). When
// librdkafka gives up nevertheless ("sequence desynchronization", #4438, which Debian's 2.0.2 has),
// a new producer takes over and sends all that is not acknowledged once more, in order: consumers
// see a record twice at worst.
//
// Results of a record:
//   ok                every replica in sync has it
//   kUnavailable      not acknowledged within kafka.delivery_timeout; it may still arrive later
//   kInvalidInput     larger than kafka.message_limit, or than its topic takes
//   kNotFound, kPermissionDenied
//   kCancelled        the producer was closed first
//
// Metrics: collector_kafka_{records,bytes}_sent_total{topic}; collector_kafka_send_errors_total
// {reason}: a code of a result, "late", "queue_full", "closed"; collector_kafka_queue_bytes,
// collector_kafka_send_seconds, collector_kafka_producers_recreated_total. Thread-safe.
class Producer {
 public:
  // One result for each record of a TrySend, in its order.
  using Done = std::function<void(std::span<const shared::Result<void>> results)>;

  // Starts; connects by itself, now or later. kInvalidInput: settings that cannot work.
  static shared::Result<std::unique_ptr<Producer>> Open(const config::Kafka& kafka,
                                                        shared::metrics::Registry& registry);
  ~Producer();  // closes at once
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Takes all records or none. `done` is called once, by the producer's thread or before TrySend
  // returns, when each has its result or delivery_timeout is over. False: they do not fit into
  // kafka.queue_size, or the producer is closed; `records` is untouched.
  bool TrySend(std::vector<Record>& records, Done done);

  // kUnavailable: no broker can be reached, and why.
  [[nodiscard]] shared::Result<void> Ready() const;

  // Takes nothing more, waits until all is acknowledged, at most until `deadline`; answers what is
  // left. Not to be called by a Done. Idempotent.
  void Close(std::chrono::milliseconds deadline);

  // For tests: as if librdkafka had met an error that it cannot recover from.
  void FailFatally();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Group;
  struct Flight;
  struct Answer;
  struct TopicCounters {
    shared::metrics::Counter records;
    shared::metrics::Counter bytes;
  };
  struct State {
    Handle handle;                                        // null while a new one takes over
    std::map<uint64_t, std::unique_ptr<Flight>> flights;  // in the order of sending
    std::deque<std::shared_ptr<Group>> groups;            // in the order of their deadlines
    uint64_t last_id = 0;
    size_t bytes = 0;
    bool closed = false;
    Time close_at;
    std::map<std::string, TopicCounters> by_topic;
  };

  Producer(const config::Kafka& kafka, shared::metrics::Registry& registry);
  [[nodiscard]] shared::Result<Handle> OpenHandle();
  static void OnDelivery(rd_kafka_t* handle, const rd_kafka_message_t* message, void* self);
  static void OnError(rd_kafka_t* handle, int error, const char* text, void* self);

  void Run();
  bool Round();
  void Renew(std::string_view reason);
  void Probe();
  void Expire(Time now);
  void AnswerAll(std::string_view why);

  // With mutex_ held:
  std::optional<shared::Error> Produce(const Flight& flight);
  void Finish(uint64_t id, shared::Result<void> result, std::vector<Answer>& answers);
  void CountSent(const Flight& flight);

  void CountError(std::string_view reason);
  static void Call(std::vector<Answer>& answers);

  const config::Kafka kafka_;
  shared::metrics::Registry& registry_;
  const shared::metrics::Gauge queue_bytes_;
  const shared::metrics::Histogram seconds_;
  const shared::metrics::Counter recreated_;
  shared::log::RateLimit error_lines_;

  std::mutex mutex_;
  State state_;  // under mutex_
  // What keeps us from the brokers; nullopt: nothing.
  mutable std::mutex trouble_mutex_;
  std::optional<std::string> trouble_;  // under trouble_mutex_, as the next
  std::string last_reason_;

  // Of the thread alone:
  rd_kafka_t* native_ = nullptr;  // state_.handle, which only the thread changes
  bool renewing_ = false;
  Time renewed_at_{};
  Time probed_at_{};
  std::jthread thread_;  // last
};

}  // namespace collector::bus
