#include "shared/concurrency/ticker.h"

namespace shared {

Ticker::Ticker(std::chrono::nanoseconds interval, std::chrono::nanoseconds offset)
    : interval_(interval), next_(Clock::now() + offset) {}

bool Ticker::Wait(std::stop_token stop) {
  const Clock::time_point now = Clock::now();
  if (now > next_ + interval_) {
    const auto missed = (now - next_) / interval_;
    skipped_ += static_cast<uint64_t>(missed);
    next_ += missed * interval_;
  }
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, stop, next_, [&] { return woken_; });
  if (stop.stop_requested()) return false;
  if (woken_) {
    woken_ = false;  // an extra round; the schedule stays as it was
    return true;
  }
  next_ += interval_;
  return true;
}

void Ticker::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void Ticker::SetInterval(std::chrono::nanoseconds interval) {
  interval_ = interval;
}

}  // namespace shared
