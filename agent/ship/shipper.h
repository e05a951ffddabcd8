#pragma once

#include <thread>
#include <vector>

#include "agent/ship/delivery.h"
#include "agent/ship/transport.h"
#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"
#include "shared/concurrency/pulse.h"

namespace agent::ship {

// The thread `ship`: runs a Delivery until it is told to stop. Takes over the ready callbacks of
// the outboxes. What it is given must outlive it.
class Shipper {
 public:
  Shipper(Delivery& delivery, const std::vector<Outbox*>& outboxes, Transport& transport,
          const shared::Clock& clock);
  // Stops at once; what is under way is sent again at the next start.
  ~Shipper();

  // Delivers what is there, then stops: at `deadline` at the latest, or as soon as the collector is
  // away.
  void Drain(shared::MonotonicTime deadline);

  [[nodiscard]] const shared::Pulse& pulse() const { return pulse_; }

 private:
  void Run(std::stop_token stop);

  Delivery& delivery_;
  Transport& transport_;
  const shared::Clock& clock_;
  shared::Guarded<std::optional<shared::MonotonicTime>> drain_deadline_;
  shared::Pulse pulse_;
  std::jthread thread_;
};

}  // namespace agent::ship
