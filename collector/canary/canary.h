#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "collector/api/telemetry_reader.h"
#include "collector/canary/canary_batch.h"
#include "collector/canary/ledger.h"
#include "collector/ingest/batch_store.h"
#include "shared/base/clock.h"
#include "shared/concurrency/ticker.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector::canary {

struct CanaryOptions {
  access::TenantId tenant;
  std::string host = "pgvigil-canary";  // host.name and host.id
  std::string collector;                // of its kind the only one: "centre-1:8480"
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds deadline{60'000};  // see Ledger::Options
  std::chrono::milliseconds keep{7'200'000};
};

// Sends a sample each interval and reads back what it sent, on a thread of its own, from
// construction to Stop. Like an agent it sends one batch at a time, and the same again until it is
// acknowledged. The metrics are collector_canary_*. All arguments must outlive it.
class Canary {
 public:
  Canary(ingest::BatchStore& store, api::TelemetryReader& reader, const shared::Clock& clock,
         shared::metrics::Registry& registry, CanaryOptions options);
  ~Canary() { Stop(); }
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  // Waits for the question under way, at most a few seconds.
  void Stop();

 private:
  struct Metrics {
    explicit Metrics(shared::metrics::Registry& registry);
    shared::metrics::Counter written, unavailable, refused, overdue, read_failures;
    shared::metrics::Counter lost, duplicates, wrong;
    shared::metrics::Gauge missing, read_at;
    shared::metrics::Histogram delay;
  };
  struct Flight;  // a batch that was submitted: what its callback leaves

  void Run(const std::stop_token& stop);
  void Send();
  bool AwaitReply(const std::stop_token& stop, shared::MonotonicTime until);
  bool TakeReply(const shared::Result<pgvigil::v1::BatchReply>& reply);
  void AwaitSample(const std::stop_token& stop, shared::MonotonicTime until);
  void Check(int64_t from);
  void Note(const Finding& finding);

  ingest::BatchStore& store_;
  api::TelemetryReader& reader_;
  const shared::Clock& clock_;
  const CanaryOptions options_;
  const Metrics metrics_;
  shared::log::RateLimit warn_limit_;

  // The thread's own.
  Sender sender_;
  Ledger ledger_;
  uint64_t sequence_ = 0;                 // of the sample below
  std::optional<api::SampleRow> sample_;  // sent, not acknowledged
  std::shared_ptr<Flight> flight_;

  shared::Ticker ticker_;
  std::jthread thread_;  // last
};

}  // namespace collector::canary
