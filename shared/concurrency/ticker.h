#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace shared {

// Rounds at start + offset + n × interval, so that a late round does not shift the ones after it.
// Rounds that passed while the caller was busy are skipped and counted. Used by one thread; Wake()
// may be called from any.
class Ticker {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Ticker(std::chrono::nanoseconds interval, std::chrono::nanoseconds offset = {});

  // Waits for the next round. True: it is time. False: told to stop.
  bool Wait(std::stop_token stop);
  // Makes the Wait under way, or the next one, return true at once.
  void Wake();
  // From the next round on.
  void SetInterval(std::chrono::nanoseconds interval);

  // Rounds that came due while the caller was still busy with an earlier one.
  [[nodiscard]] uint64_t skipped() const { return skipped_; }

 private:
  std::chrono::nanoseconds interval_;
  Clock::time_point next_;
  uint64_t skipped_ = 0;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;  // under mutex_
};

}  // namespace shared
