#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace collector::bus {

// One partition as one owner holds it: from the claim in PostgreSQL (which raised the owner's
// epoch) until it is revoked, lost to another process with a higher epoch, or blocked by a record
// that can be neither stored nor buried. Shared between the consumer, which hands records over, and
// the writers, which store them: hence a shared_ptr. Thread-safe.
class Lease {
 public:
  Lease(std::string topic, int32_t partition, int64_t epoch, int64_t next_offset)
      : topic_(std::move(topic)), partition_(partition), epoch_(epoch), next_offset_(next_offset) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] const std::string& topic() const { return topic_; }
  [[nodiscard]] int32_t partition() const { return partition_; }
  [[nodiscard]] int64_t epoch() const { return epoch_; }

  // False: held no more, none of its records may be stored. True: it stays until Leave.
  bool Enter() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kHeld) return false;
    users_ += 1;
    return true;
  }
  void Leave() {
    {
      const std::lock_guard lock(mutex_);
      users_ -= 1;
    }
    left_.notify_all();
  }

  // Lets nobody enter any more and waits for those inside. False: someone still is after `most`;
  // the epoch of the next owner fences what it does.
  bool Revoke(std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    if (state_ == State::kHeld) state_ = State::kRevoked;
    return left_.wait_for(lock, most, [this] { return users_ == 0; });
  }
  // Another process claimed the partition.
  void Lose() {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kHeld) state_ = State::kLost;
  }
  // Its next record can be neither stored nor buried now. What is behind it is dropped: Kafka has
  // it.
  void Block(std::string why) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kHeld) return;
    state_ = State::kBlocked;
    why_ = std::move(why);
  }
  // Why; nullopt: it is not.
  [[nodiscard]] std::optional<std::string> blocked() const {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kBlocked) return std::nullopt;
    return why_;
  }
  [[nodiscard]] bool is_held() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::kHeld;
  }
  [[nodiscard]] bool is_lost() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::kLost;
  }

  // Every record before it is stored.
  [[nodiscard]] int64_t next_offset() const { return next_offset_.load(std::memory_order_relaxed); }
  void MoveTo(int64_t next_offset) { next_offset_.store(next_offset, std::memory_order_relaxed); }

 private:
  enum class State { kHeld, kRevoked, kLost, kBlocked };

  const std::string topic_;
  const int32_t partition_;
  const int64_t epoch_;
  std::atomic<int64_t> next_offset_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  // Under mutex_:
  State state_ = State::kHeld;
  std::string why_;  // kBlocked
  int users_ = 0;
};

}  // namespace collector::bus
