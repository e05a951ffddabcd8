#include "shared/concurrency/timed_mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace shared {
namespace {

using namespace std::chrono_literals;

TEST(TimedMutex, LetsOneThreadInAtATime) {
  TimedMutex mutex;
  int count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int round = 0; round < 1000; ++round) {
          const std::lock_guard lock(mutex);
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count, 4000);
}

TEST(TimedMutex, WaitsNoLongerThanItIsTold) {
  TimedMutex mutex;
  mutex.lock();
  EXPECT_FALSE(mutex.try_lock_for(0ns));
  EXPECT_FALSE(mutex.try_lock_for(1ms));
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock_for(0ns));
  mutex.unlock();
}

TEST(TimedMutex, WakesWhoWaitsWhenItIsFree) {
  TimedMutex mutex;
  mutex.lock();
  std::jthread waiter([&] {
    std::unique_lock lock(mutex, std::defer_lock);
    EXPECT_TRUE(lock.try_lock_for(60s));
  });
  mutex.unlock();
}

}  // namespace
}  // namespace shared
