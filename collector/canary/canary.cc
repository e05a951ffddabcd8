#include "collector/canary/canary.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "shared/concurrency/thread_name.h"

namespace collector::canary {
namespace {

using namespace std::chrono_literals;
using shared::ErrorCode;
using shared::Result;
using shared::metrics::Registry;

constexpr std::chrono::seconds kReadDeadline{5};
constexpr std::chrono::milliseconds kFirstPause{20};  // between looks for the newest sample
constexpr std::chrono::milliseconds kLongestPause{500};
constexpr int64_t kMillisecond = 1'000'000;

// Whole milliseconds: nothing on the way may round them.
int64_t NowIn(const shared::Clock& clock) {
  return shared::ToUnixNanos(std::chrono::floor<std::chrono::milliseconds>(clock.Now()));
}

shared::metrics::Counter WriteFailures(Registry& registry, const char* reason) {
  return registry.AddCounter("collector_canary_write_failures_total",
                             "Attempts of the canary to write its sample that were not "
                             "acknowledged, by reason; it tries again.",
                             {{"reason", reason}});
}

}  // namespace

struct Canary::Flight {
  std::mutex mutex;
  std::condition_variable_any landed;
  std::optional<Result<pgvigil::v1::BatchReply>> reply;
};

Canary::Metrics::Metrics(Registry& registry)
    : written(registry.AddCounter("collector_canary_written_total",
                                  "Samples of the canary that were acknowledged.")),
      unavailable(WriteFailures(registry, "unavailable")),
      refused(WriteFailures(registry, "refused")),
      overdue(WriteFailures(registry, "overdue")),
      read_failures(registry.AddCounter("collector_canary_read_failures_total",
                                        "Questions of the canary that were not answered.")),
      lost(registry.AddCounter("collector_canary_lost_total",
                               "Acknowledged samples of the canary that could not be read in time, "
                               "or not any more.")),
      duplicates(registry.AddCounter("collector_canary_duplicates_total",
                                     "Samples of the canary that came back more than once.")),
      wrong(registry.AddCounter("collector_canary_wrong_total",
                                "Samples of the canary that came back with another value.")),
      missing(registry.AddGauge("collector_canary_missing",
                                "Lost samples of the canary of the last two hours that have not "
                                "come back.")),
      read_at(registry.AddGauge("collector_canary_read_timestamp_seconds",
                                "When the canary last read a sample for the first time.")),
      delay(registry.AddLatencyHistogram("collector_canary_delay_seconds",
                                         "From the moment the canary sent a sample until it was "
                                         "read.")) {}

Canary::Canary(ingest::BatchStore& store, api::TelemetryReader& reader, const shared::Clock& clock,
               Registry& registry, CanaryOptions options)
    : store_(store),
      reader_(reader),
      clock_(clock),
      options_(std::move(options)),
      metrics_(registry),
      sender_{options_.tenant, options_.host, options_.collector,
              static_cast<uint64_t>(NowIn(clock))},
      ledger_({options_.deadline, options_.keep}),
      ticker_(options_.interval) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void Canary::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Canary::Run(const std::stop_token& stop) {
  shared::SetThreadName("canary");
  do {
    const shared::MonotonicTime until = clock_.Monotonic() + options_.interval;
    if (!flight_) Send();
    if (AwaitReply(stop, until)) AwaitSample(stop, until);
    if (!stop.stop_requested() && ledger_.oldest() != 0) Check(ledger_.oldest());
  } while (ticker_.Wait(stop));
}

// A new sample, or again the one that was not acknowledged.
void Canary::Send() {
  if (!sample_) {
    sequence_ += 1;
    // A clock that is set back must not make us send a time again.
    const int64_t time = std::max(NowIn(clock_), ledger_.newest() + kMillisecond);
    sample_ = {time, static_cast<double>(sequence_)};
    ledger_.Send(*sample_, clock_.Monotonic());
  }
  ingest::AcceptedBatch batch = MakeBatch(sender_, sequence_, *sample_);
  auto flight = std::make_shared<Flight>();
  const bool taken = store_.Submit(batch, [flight](Result<pgvigil::v1::BatchReply> reply) {
    const std::lock_guard lock(flight->mutex);
    flight->reply = std::move(reply);
    flight->landed.notify_all();
  });
  if (taken) {
    flight_ = std::move(flight);
  } else {
    metrics_.unavailable.Increment();
  }
}

// Whether the sample was acknowledged now. A batch of which nothing is heard stays under way.
bool Canary::AwaitReply(const std::stop_token& stop, shared::MonotonicTime until) {
  if (!flight_) return false;
  std::unique_lock lock(flight_->mutex);
  const bool landed = flight_->landed.wait_for(lock, stop, until - clock_.Monotonic(),
                                               [&] { return flight_->reply.has_value(); });
  if (!landed) {
    if (!stop.stop_requested()) metrics_.overdue.Increment();
    return false;
  }
  const Result<pgvigil::v1::BatchReply> reply = std::move(*flight_->reply);
  lock.unlock();
  flight_.reset();
  return TakeReply(reply);
}

bool Canary::TakeReply(const Result<pgvigil::v1::BatchReply>& reply) {
  if (reply && reply->acknowledged_sequence() >= sequence_) {
    metrics_.written.Increment();
    ledger_.Acknowledge(sample_->time_unix_nano, clock_.Monotonic());
    sample_.reset();
    return true;
  }
  const bool refused = !reply && reply.error().code == ErrorCode::kInvalidInput;
  (refused ? metrics_.refused : metrics_.unavailable).Increment();
  if (refused) {
    // It would be refused for ever: a new life with a new sample.
    sample_.reset();
    sequence_ = 0;
    sender_.incarnation = static_cast<uint64_t>(NowIn(clock_));
  }
  if (warn_limit_.Allow()) {
    shared::log::Warn("canary: its sample was not stored: {}",
                      reply ? "the reply acknowledges less" : reply.error().message);
  }
  return false;
}

void Canary::AwaitSample(const std::stop_token& stop, shared::MonotonicTime until) {
  const int64_t newest = ledger_.newest();
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  for (auto pause = kFirstPause; clock_.Monotonic() < until && !stop.stop_requested();
       pause = std::min(2 * pause, kLongestPause)) {
    Check(newest);
    if (ledger_.WasRead(newest)) return;
    stopped.wait_for(lock, stop, pause, [] { return false; });
  }
}

// All samples from `from` on.
void Canary::Check(int64_t from) {
  const int64_t end = ledger_.newest() + kMillisecond;
  api::SampleQuery query;
  query.selector = {kMetric, options_.host, {{kCollectorLabel, options_.collector}}};
  query.range = {shared::FromUnixNanos(from), shared::FromUnixNanos(end)};
  query.series_limit = 10;
  query.sample_limit = 1'000'000;
  const Result<api::SampleAnswer> answer =
      reader_.Samples({options_.tenant, clock_.Monotonic() + kReadDeadline}, query);
  if (!answer) {
    metrics_.read_failures.Increment();
    if (warn_limit_.Allow()) {
      shared::log::Warn("canary: its samples could not be read: {}", answer.error().message);
    }
    return;
  }
  std::vector<api::SampleRow> rows;
  for (const api::SeriesSamples& one : answer->series) {
    rows.insert(rows.end(), one.samples.begin(), one.samples.end());
  }
  Note(ledger_.Compare(rows, from, end, clock_.Monotonic()));
}

void Canary::Note(const Finding& finding) {
  for (const auto& delay : finding.delays) metrics_.delay.Observe(delay.count());
  if (!finding.delays.empty()) {
    metrics_.read_at.Set(static_cast<double>(NowIn(clock_)) / 1e9);
  }
  metrics_.lost.Increment(static_cast<double>(finding.lost.size()));
  metrics_.duplicates.Increment(static_cast<double>(finding.duplicates));
  metrics_.wrong.Increment(static_cast<double>(finding.wrong));
  metrics_.missing.Set(static_cast<double>(finding.missing_now));
  const bool bad = !finding.lost.empty() || finding.duplicates > 0 || finding.wrong > 0;
  if (bad && warn_limit_.Allow()) {
    shared::log::Error("canary: of its samples {} are lost, {} came twice, {} came back changed{}",
                       finding.lost.size(), finding.duplicates, finding.wrong,
                       finding.lost.empty()
                           ? std::string()
                           : "; the first lost one is of Unix time " +
                                 std::to_string(finding.lost.front() / 1'000'000'000));
  }
}

}  // namespace collector::canary
