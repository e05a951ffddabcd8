#pragma once

#include <chrono>
#include <cstdint>

namespace shared {

// Wall-clock time of day, UTC, nanoseconds since 1970: what telemetry carries.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
// Monotonic time: for intervals, deadlines and ages. Counts while the machine sleeps on Linux only
// where the source does; never sent anywhere.
using MonotonicTime = std::chrono::steady_clock::time_point;

// Where time comes from; a test passes its own (tests/support/fake_clock.h). Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime Now() const = 0;
  [[nodiscard]] virtual MonotonicTime Monotonic() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime Now() const override {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] MonotonicTime Monotonic() const override {
    return std::chrono::steady_clock::now();
  }
};

// Nanoseconds since 1970, as the wire carries them, and back.
inline int64_t ToUnixNanos(WallTime time) {
  return time.time_since_epoch().count();
}
inline WallTime FromUnixNanos(int64_t nanos) {
  return WallTime(std::chrono::nanoseconds(nanos));
}

}  // namespace shared
