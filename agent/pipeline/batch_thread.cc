#include "agent/pipeline/batch_thread.h"

#include <algorithm>
#include <chrono>

#include "shared/concurrency/thread_name.h"

namespace agent::pipeline {
namespace {

// What has come together goes into one batch, but the clock is looked at now and then.
constexpr int kMostAtOnce = 64;
constexpr std::chrono::seconds kLongestWait{30};
// A disk may take its time for an fsync.
constexpr std::chrono::minutes kLongestPause{2};

}  // namespace

BatchThread::BatchThread(TelemetryQueue& queue, Batcher& batcher)
    : queue_(queue),
      batcher_(batcher),
      pulse_("batch", kLongestPause),
      thread_([this](std::stop_token stop) {
        shared::SetThreadName("batch");
        drained_.set_value(Run(stop));
      }) {}

bool BatchThread::Drain(shared::MonotonicTime deadline) {
  if (result_.wait_until(deadline) != std::future_status::ready) thread_.request_stop();
  thread_.join();
  return result_.get();
}

// Whether the queue was drained to its end.
bool BatchThread::Run(std::stop_token stop) {
  bool open = true;
  while (open) {
    pulse_.Beat();
    const auto latest = std::chrono::steady_clock::now() + kLongestWait;
    const auto due = std::min(batcher_.next_due().value_or(latest), latest);
    std::optional<Telemetry> telemetry = queue_.PopUntil(due, stop);
    const bool closed = queue_.closed();  // asked first: nothing comes in after it
    if (!telemetry && closed && !stop.stop_requested()) telemetry = queue_.TryPop();
    open = !stop.stop_requested() && (telemetry || !closed);
    for (int taken = 0; telemetry; ++taken) {
      batcher_.Take(std::move(*telemetry));
      telemetry = taken < kMostAtOnce ? queue_.TryPop() : std::nullopt;
    }
    batcher_.Tick();
  }
  batcher_.Flush();
  return queue_.size_bytes() == 0;
}

}  // namespace agent::pipeline
