#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace shared {

// A mutex for what may be held across I/O, by threads that wait no longer than they can: as
// std::timed_mutex, whose timed wait (pthread_mutex_clocklock) ThreadSanitizer does not know.
// Not recursive, not fair.
class TimedMutex {
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    free_.wait(guard, [this] { return !locked_; });
    locked_ = true;
  }
  // False: it was not free within `patience`.
  [[nodiscard]] bool try_lock_for(std::chrono::nanoseconds patience) {
    std::unique_lock guard(mutex_);
    if (!free_.wait_for(guard, patience, [this] { return !locked_; })) return false;
    locked_ = true;
    return true;
  }
  void unlock() {
    {
      const std::lock_guard guard(mutex_);
      locked_ = false;
    }
    free_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool locked_ = false;
};

}  // namespace shared
