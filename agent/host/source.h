#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <thread>

#include "agent/host/collector.h"
#include "agent/pipeline/drops.h"
#include "agent/pipeline/telemetry.h"
#include "shared/base/clock.h"
#include "shared/concurrency/pulse.h"

namespace agent::host {

// Where the rounds go. All must outlive the source.
struct HostSink {
  const shared::Clock& clock;
  pipeline::TelemetryQueue& queue;
  pipeline::Drops& drops;
  pipeline::Capabilities& capabilities;
};

// How long after its start a host's first round begins, below `interval`: the same for the same
// seed, spread evenly over seeds, so that a fleet is not sampled in step, nor in step with the
// kernel's own samplers.
std::chrono::nanoseconds PhaseOf(uint64_t seed, std::chrono::nanoseconds interval);

// The agent's host thread: a round every options.interval into the queue. A round that the queue
// refuses is dropped and counted ("queue_full"), rounds that came due while an earlier one took too
// long are skipped and counted ("round_skipped"). Capability "host": see diagnosis.h. Runs from
// construction to destruction.
class HostSource {
 public:
  // `seed` fixes the phase; take it from the agent's id.
  HostSource(HostOptions options, HostSystem system, HostSink sink, uint64_t seed);
  HostSource(const HostSource&) = delete;
  HostSource& operator=(const HostSource&) = delete;

  // Asks the thread to end; the destructor waits for it.
  void Stop() { thread_.request_stop(); }

  [[nodiscard]] const shared::Pulse& pulse() const { return pulse_; }

 private:
  void Run(const std::stop_token& stop);
  void Push(const pipeline::FrameBuilder::Round& round, shared::WallTime time);
  void Report(size_t samples);

  const HostOptions options_;
  const std::chrono::nanoseconds phase_;
  HostCollector collector_;  // run thread only
  HostSink sink_;
  shared::Pulse pulse_;
  std::jthread thread_;  // last: starts when all above exists, and is joined before any of it goes
};

}  // namespace agent::host
