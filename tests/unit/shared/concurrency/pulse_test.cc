#include "shared/concurrency/pulse.h"

#include <gtest/gtest.h>

namespace {

using shared::Pulse;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(Pulse, SaysHowLongAThreadHasNotTurned) {
  const steady_clock::time_point before = steady_clock::now();
  const Pulse pulse("batch", seconds(60));
  EXPECT_TRUE(pulse.Check(before + seconds(60)));
  const auto late = pulse.Check(steady_clock::now() + seconds(62));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, "thread batch has not turned for 62 s");
}

TEST(Pulse, CountsFromTheLastBeat) {
  Pulse pulse("batch", seconds(60));
  const steady_clock::time_point made = steady_clock::now();
  while (steady_clock::now() == made) {
  }
  pulse.Beat();
  EXPECT_TRUE(pulse.Check(made + seconds(60) + std::chrono::nanoseconds(1)));
}

}  // namespace
