#include "agent/host/source.h"

#include <random>
#include <utility>

#include "agent/host/diagnosis.h"
#include "shared/concurrency/thread_name.h"
#include "shared/concurrency/ticker.h"

namespace agent::host {
namespace {

// A kernel file that hangs longer than this hangs for good.
constexpr std::chrono::minutes kLongestRound{2};

}  // namespace

std::chrono::nanoseconds PhaseOf(uint64_t seed, std::chrono::nanoseconds interval) {
  if (interval.count() <= 0) return {};
  std::mt19937_64 random(seed);
  return std::chrono::nanoseconds(random() % static_cast<uint64_t>(interval.count()));
}

HostSource::HostSource(HostOptions options, HostSystem system, HostSink sink, uint64_t seed)
    : options_(std::move(options)),
      phase_(PhaseOf(seed, options_.interval)),
      collector_(options_, std::move(system)),
      sink_(sink),
      pulse_("host", options_.interval + kLongestRound),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void HostSource::Run(const std::stop_token& stop) {
  shared::SetThreadName("host");
  shared::Ticker ticker(options_.interval, phase_);
  uint64_t skipped = 0;
  bool first = true;
  while (ticker.Wait(stop)) {
    pulse_.Beat();
    const shared::WallTime time = sink_.clock.Now();
    const pipeline::FrameBuilder::Round round = collector_.Collect();
    if (const uint64_t now_skipped = ticker.skipped(); now_skipped != skipped) {
      sink_.drops.Add(pgvigil::v1::STREAM_METRICS, "round_skipped",
                      (now_skipped - skipped) * round.values.size());
      skipped = now_skipped;
    }
    if (first || collector_.problems_changed()) Report(round.values.size());
    first = false;
    Push(round, time);
  }
}

void HostSource::Push(const pipeline::FrameBuilder::Round& round, shared::WallTime time) {
  // The one allocation of a round: the values leave for another thread.
  pipeline::Telemetry telemetry = pipeline::MetricRound{
      round.layout, time, std::vector<double>(round.values.begin(), round.values.end())};
  const size_t cost = sizeof telemetry + round.values.size() * sizeof(double);
  if (sink_.queue.TryPush(telemetry, cost)) return;
  sink_.drops.Add(pgvigil::v1::STREAM_METRICS, "queue_full", round.values.size());
}

void HostSource::Report(size_t samples) {
  const pgvigil::v1::Capability now = DiagnoseHost(options_, collector_.problems(), samples);
  sink_.capabilities.Set(now.name(), now.state(), now.detail(), now.remedy());
}

}  // namespace agent::host
