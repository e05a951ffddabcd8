#pragma once

#include <atomic>
#include <chrono>

#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace shared {

// One thread's sign of life, for a watchdog that judges by progress: the thread beats each time it
// comes around its loop, and somebody else asks whether it still does.
//
//   Pulse pulse_{"host", 70s};                    // before the thread
//   while (ticker.Wait(stop)) { … pulse_.Beat(); }
//   RETURN_IF_ERROR(pulse.Check(clock.Monotonic()));
class Pulse {
 public:
  // `longest_pause`: more than the thread may ever need for one turn. Counts from construction.
  Pulse(const char* thread_name, std::chrono::nanoseconds longest_pause)
      : thread_name_(thread_name), longest_pause_(longest_pause) {
    Beat();
  }

  void Beat() noexcept {
    last_.store(std::chrono::steady_clock::now().time_since_epoch().count(),
                std::memory_order_relaxed);
  }

  // kTimeout: "thread host has not turned for 84 s".
  [[nodiscard]] Result<void> Check(MonotonicTime now) const;

 private:
  const char* const thread_name_;
  const std::chrono::nanoseconds longest_pause_;
  std::atomic<std::chrono::steady_clock::rep> last_{0};
};

}  // namespace shared
