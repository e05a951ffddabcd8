#include "shared/concurrency/ticker.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace shared {
namespace {

using namespace std::chrono_literals;

// Intervals of hours: whatever returns in a test did so for the reason that the test names.

TEST(Ticker, FirstRoundIsAtOnceAndTheNextAfterTheInterval) {
  Ticker ticker(5ms);
  const auto start = Ticker::Clock::now();
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_GE(Ticker::Clock::now() - start, 9ms);  // two intervals, less what passed before `start`
}

TEST(Ticker, CountsTheRoundsThatPassedAndKeepsTheSchedule) {
  const auto start = Ticker::Clock::now();
  Ticker ticker(1h, -10h - 30min);  // as if the caller had been busy for ten rounds and a half
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_EQ(ticker.skipped(), 10u);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(ticker.Wait(stop.get_token()));  // the next is half an hour ahead
  EXPECT_EQ(ticker.skipped(), 10u);
  EXPECT_LT(Ticker::Clock::now() - start, 30min);
}

TEST(Ticker, DoesNotCountARoundThatIsOnlyLate) {
  Ticker ticker(1h, -30min);
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_EQ(ticker.skipped(), 0u);
}

TEST(Ticker, StopEndsTheWait) {
  Ticker ticker(1h, 1h);
  bool result = true;
  {
    std::jthread waiter([&](std::stop_token stop) { result = ticker.Wait(stop); });
  }
  EXPECT_FALSE(result);
}

TEST(Ticker, WakeEndsTheWaitUnderWayOrTheNext) {
  Ticker ticker(1h, 1h);
  ticker.Wake();
  ticker.Wake();  // two make one extra round
  EXPECT_TRUE(ticker.Wait({}));
  std::latch started(1);
  bool result = false;
  std::jthread waiter([&] {
    started.count_down();
    result = ticker.Wait({});
  });
  started.wait();
  ticker.Wake();
  waiter.join();
  EXPECT_TRUE(result);
}

TEST(Ticker, WakeDoesNotShiftTheSchedule) {
  Ticker ticker(1h);
  EXPECT_TRUE(ticker.Wait({}));
  ticker.Wake();
  EXPECT_TRUE(ticker.Wait({}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(ticker.Wait(stop.get_token()));
  EXPECT_EQ(ticker.skipped(), 0u);
}

TEST(Ticker, TakesANewIntervalFromTheNextRoundOn) {
  Ticker ticker(1h);
  ticker.SetInterval(1ms);
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_TRUE(ticker.Wait({}));
  EXPECT_TRUE(ticker.Wait({}));
}

}  // namespace
}  // namespace shared
