#pragma once

#include <chrono>

#include "shared/base/clock.h"
#include "shared/concurrency/guarded.h"

namespace tests {

// A clock that moves only when told. Thread-safe.
class FakeClock final : public shared::Clock {
 public:
  // 2026-01-01T00:00:00Z unless told otherwise.
  explicit FakeClock(int64_t unix_nanos = 1'767'225'600'000'000'000)
      : state_(State{shared::FromUnixNanos(unix_nanos), shared::MonotonicTime{}}) {}

  [[nodiscard]] shared::WallTime Now() const override { return state_.Copy().wall; }
  [[nodiscard]] shared::MonotonicTime Monotonic() const override { return state_.Copy().monotonic; }

  void Advance(std::chrono::nanoseconds by) {
    state_.With([&](State& state) {
      state.wall += by;
      state.monotonic += std::chrono::duration_cast<shared::MonotonicTime::duration>(by);
    });
  }
  // As when an administrator or NTP sets the time of day: the monotonic clock does not move.
  void SetWall(shared::WallTime wall) {
    state_.With([&](State& state) { state.wall = wall; });
  }

 private:
  struct State {
    shared::WallTime wall;
    shared::MonotonicTime monotonic;
  };
  shared::Guarded<State> state_;
};

}  // namespace tests
