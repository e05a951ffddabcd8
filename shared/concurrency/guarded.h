#pragma once

#include <mutex>
#include <utility>

namespace shared {

// A value and the mutex that guards it, in one object: the value cannot be reached without the
// lock.
//   guarded.With([&](State& state) { state.count += 1; });
// Hold it to copy or move, never across I/O, a callback or a log line.
template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <typename Function>
  decltype(auto) With(Function&& function) {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(value_);
  }
  template <typename Function>
  decltype(auto) With(Function&& function) const {
    const std::lock_guard lock(mutex_);
    return std::forward<Function>(function)(value_);
  }
  [[nodiscard]] T Copy() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

}  // namespace shared
