#include "shared/base/clock.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace shared {
namespace {

using namespace std::chrono_literals;

TEST(Clock, GivesUnixNanosecondsAndBack) {
  EXPECT_EQ(ToUnixNanos(WallTime{}), 0);
  EXPECT_EQ(ToUnixNanos(WallTime{1s + 5ns}), 1'000'000'005);
  EXPECT_EQ(FromUnixNanos(-1), WallTime{-1ns});
}

TEST(SystemClock, ReadsTheSystemsClocks) {
  const SystemClock clock;
  const auto wall = std::chrono::system_clock::now();
  const auto monotonic = std::chrono::steady_clock::now();
  EXPECT_GE(clock.Now(), wall);
  EXPECT_LT(clock.Now() - wall, 1h);
  EXPECT_GE(clock.Monotonic(), monotonic);
  EXPECT_LT(clock.Monotonic() - monotonic, 1h);
}

TEST(FakeClock, MovesOnlyWhenTold) {
  tests::FakeClock clock(10);
  EXPECT_EQ(ToUnixNanos(clock.Now()), 10);
  const MonotonicTime start = clock.Monotonic();
  clock.Advance(5ns);
  EXPECT_EQ(ToUnixNanos(clock.Now()), 15);
  EXPECT_EQ(clock.Monotonic() - start, 5ns);
  clock.SetWall(FromUnixNanos(3));
  EXPECT_EQ(ToUnixNanos(clock.Now()), 3);
  EXPECT_EQ(clock.Monotonic() - start, 5ns);
}

}  // namespace
}  // namespace shared
