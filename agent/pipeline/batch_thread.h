#pragma once

#include <future>
#include <stop_token>
#include <thread>

#include "agent/pipeline/batcher.h"
#include "agent/pipeline/telemetry.h"
#include "shared/base/clock.h"
#include "shared/concurrency/pulse.h"

namespace agent::pipeline {

// The thread `batch`: runs a Batcher on what comes through the queue. Both must outlive it.
class BatchThread {
 public:
  BatchThread(TelemetryQueue& queue, Batcher& batcher);

  // After queue.Close(): waits until everything that was pushed is in the spool; from `deadline`
  // on, what is still in the queue is left there. False: it was left.
  bool Drain(shared::MonotonicTime deadline);

  [[nodiscard]] const shared::Pulse& pulse() const { return pulse_; }

 private:
  bool Run(std::stop_token stop);

  TelemetryQueue& queue_;
  Batcher& batcher_;
  shared::Pulse pulse_;
  std::promise<bool> drained_;
  std::future<bool> result_ = drained_.get_future();
  std::jthread thread_;
};

}  // namespace agent::pipeline
