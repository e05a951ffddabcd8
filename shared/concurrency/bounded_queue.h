#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace shared {

// A first-in first-out queue between threads, bounded in bytes. Any number of producers and
// consumers. An item costs what its producer says; one item larger than the whole capacity is still
// taken when the queue is empty, so that no item can block for ever.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // Adds `item` unless the queue is full or closed; never waits. False: `item` is untouched.
  bool TryPush(T& item, size_t cost_bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || !Fits(cost_bytes)) return false;
      Enqueue(std::move(item), cost_bytes);
    }
    not_empty_.notify_one();
    return true;
  }

  // Adds `item`, waiting for room. False: closed or told to stop, `item` is untouched.
  bool Push(T& item, size_t cost_bytes, std::stop_token stop) {
    {
      std::unique_lock lock(mutex_);
      not_full_.wait(lock, stop, [&] { return closed_ || Fits(cost_bytes); });
      if (closed_ || !Fits(cost_bytes)) return false;
      Enqueue(std::move(item), cost_bytes);
    }
    not_empty_.notify_one();
    return true;
  }

  // The same, waiting until `deadline` (of std::chrono::steady_clock) for room. False: none came in
  // time, or closed; `item` is untouched.
  template <typename TimePoint>
  bool PushUntil(T& item, size_t cost_bytes, TimePoint deadline) {
    {
      std::unique_lock lock(mutex_);
      not_full_.wait_until(lock, deadline, [&] { return closed_ || Fits(cost_bytes); });
      if (closed_ || !Fits(cost_bytes)) return false;
      Enqueue(std::move(item), cost_bytes);
    }
    not_empty_.notify_one();
    return true;
  }

  // The oldest item, waiting for one. nullopt: closed and drained, or told to stop.
  std::optional<T> Pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, stop, [&] { return closed_ || !items_.empty(); });
    if (stop.stop_requested()) return GiveUp(lock);
    return Dequeue(lock);
  }

  // The oldest item, waiting until `deadline` (of std::chrono::steady_clock) for one. nullopt: none
  // came in time, or closed and drained, or told to stop.
  template <typename TimePoint>
  std::optional<T> PopUntil(TimePoint deadline, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    not_empty_.wait_until(lock, stop, deadline, [&] { return closed_ || !items_.empty(); });
    if (stop.stop_requested()) return GiveUp(lock);
    return Dequeue(lock);
  }

  // The oldest item if there is one; never waits.
  std::optional<T> TryPop() {
    std::unique_lock lock(mutex_);
    return Dequeue(lock);
  }

  // Ends input: pushes fail from now on, pops drain what is there. Wakes everyone.
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

  [[nodiscard]] bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] size_t size_bytes() const {
    const std::lock_guard lock(mutex_);
    return used_bytes_;
  }

 private:
  struct Entry {
    T item;
    size_t cost_bytes;
  };

  bool Fits(size_t cost_bytes) const {
    if (items_.empty()) return true;
    return used_bytes_ <= capacity_bytes_ && cost_bytes <= capacity_bytes_ - used_bytes_;
  }
  void Enqueue(T item, size_t cost_bytes) {
    items_.push_back(Entry{std::move(item), cost_bytes});
    used_bytes_ += cost_bytes;
  }
  // For a consumer that was told to stop: the wake-up that it may have taken is another's.
  std::optional<T> GiveUp(std::unique_lock<std::mutex>& lock) {
    const bool pass_on = !items_.empty();
    lock.unlock();
    if (pass_on) not_empty_.notify_one();
    return std::nullopt;
  }
  std::optional<T> Dequeue(std::unique_lock<std::mutex>& lock) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front().item));
    used_bytes_ -= items_.front().cost_bytes;
    items_.pop_front();
    lock.unlock();
    not_full_.notify_all();  // the one that waits longest may need more room than another
    return item;
  }

  const size_t capacity_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable_any not_empty_;
  std::condition_variable_any not_full_;
  // Under mutex_:
  std::deque<Entry> items_;
  size_t used_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace shared
