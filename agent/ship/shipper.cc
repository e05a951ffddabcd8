#include "agent/ship/shipper.h"

#include <algorithm>
#include <chrono>

#include "shared/concurrency/thread_name.h"

namespace agent::ship {
namespace {

using shared::MonotonicTime;
using std::chrono::milliseconds;

constexpr milliseconds kLongestPoll{10'000};
constexpr std::chrono::minutes kLongestPause{2};

}  // namespace

Shipper::Shipper(Delivery& delivery, const std::vector<Outbox*>& outboxes, Transport& transport,
                 const shared::Clock& clock)
    : delivery_(delivery), transport_(transport), clock_(clock), pulse_("ship", kLongestPause) {
  for (Outbox* outbox : outboxes) {
    outbox->SetReadyCallback([&transport] { transport.Wake(); });
  }
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

Shipper::~Shipper() {
  thread_.request_stop();
  transport_.Wake();
}

void Shipper::Drain(MonotonicTime deadline) {
  drain_deadline_.With([&](auto& slot) { slot = deadline; });
  transport_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Shipper::Run(std::stop_token stop) {
  shared::SetThreadName("ship");
  while (!stop.stop_requested()) {
    pulse_.Beat();
    std::optional<MonotonicTime> wake = delivery_.Step();
    const MonotonicTime now = clock_.Monotonic();
    if (const std::optional<MonotonicTime> deadline = drain_deadline_.Copy()) {
      if (now >= *deadline || delivery_.AtRest()) return;
      wake = wake ? std::min(*wake, *deadline) : *deadline;
    }
    milliseconds timeout = kLongestPoll;
    if (wake) {
      timeout = std::clamp(std::chrono::ceil<milliseconds>(*wake - now), milliseconds(0), timeout);
    }
    transport_.Poll(timeout);
  }
}

}  // namespace agent::ship
