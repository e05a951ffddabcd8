#include "shared/concurrency/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace shared {
namespace {

using namespace std::chrono_literals;

bool TryPush(BoundedQueue<int>& queue, int item, size_t cost_bytes) {
  return queue.TryPush(item, cost_bytes);
}

TEST(BoundedQueue, GivesItemsInOrder) {
  BoundedQueue<int> queue(100);
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(TryPush(queue, i, 10));
  EXPECT_EQ(queue.size_bytes(), 30u);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(queue.Pop({}), i);
  EXPECT_EQ(queue.TryPop(), std::nullopt);
  EXPECT_EQ(queue.size_bytes(), 0u);
}

TEST(BoundedQueue, HoldsItsBytesToTheLastOne) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(TryPush(queue, 1, 6));
  EXPECT_FALSE(TryPush(queue, 2, 5));
  EXPECT_TRUE(TryPush(queue, 3, 4));
  EXPECT_FALSE(TryPush(queue, 4, 1));
  EXPECT_EQ(queue.TryPop(), 1);
  EXPECT_TRUE(TryPush(queue, 5, 6));
}

TEST(BoundedQueue, TakesWhatIsLargerThanItselfOnlyWhenEmpty) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(TryPush(queue, 1, 1000));
  EXPECT_FALSE(TryPush(queue, 2, 1));
  EXPECT_EQ(queue.TryPop(), 1);
  EXPECT_TRUE(TryPush(queue, 3, 1));
  EXPECT_FALSE(TryPush(queue, 4, 1000));
}

TEST(BoundedQueue, DoesNotOverflowOnAHugeCost) {
  BoundedQueue<int> queue(10);
  EXPECT_TRUE(TryPush(queue, 1, 5));
  EXPECT_FALSE(TryPush(queue, 2, static_cast<size_t>(-2)));
}

TEST(BoundedQueue, LeavesAnItemUntouchedThatItDoesNotTake) {
  BoundedQueue<std::unique_ptr<int>> queue(10);
  auto first = std::make_unique<int>(1);
  ASSERT_TRUE(queue.TryPush(first, 10));
  EXPECT_EQ(first, nullptr);
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(queue.TryPush(second, 1));
  ASSERT_NE(second, nullptr);
  queue.Close();
  EXPECT_FALSE(queue.Push(second, 1, {}));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
}

TEST(BoundedQueue, DrainsAfterClose) {
  BoundedQueue<int> queue(100);
  TryPush(queue, 1, 1);
  TryPush(queue, 2, 1);
  queue.Close();
  EXPECT_TRUE(queue.closed());
  EXPECT_FALSE(TryPush(queue, 3, 1));
  EXPECT_EQ(queue.Pop({}), 1);
  EXPECT_EQ(queue.PopUntil(std::chrono::steady_clock::now() + 1h, {}), 2);
  EXPECT_EQ(queue.Pop({}), std::nullopt);
  EXPECT_EQ(queue.PopUntil(std::chrono::steady_clock::now() + 1h, {}), std::nullopt);
}

TEST(BoundedQueue, PopUntilGivesUpAtItsDeadline) {
  BoundedQueue<int> queue(100);
  EXPECT_EQ(queue.PopUntil(std::chrono::steady_clock::now() - 1s, {}), std::nullopt);
  TryPush(queue, 1, 1);
  EXPECT_EQ(queue.PopUntil(std::chrono::steady_clock::now() - 1s, {}), 1);  // it is there already
}

TEST(BoundedQueue, PushUntilWaitsForRoomNoLongerThanItsDeadline) {
  BoundedQueue<int> queue(10);
  int first = 1, second = 2;
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::milliseconds(1); };
  ASSERT_TRUE(queue.PushUntil(first, 10, soon()));
  EXPECT_FALSE(queue.PushUntil(second, 10, soon()));
  EXPECT_EQ(second, 2);
  std::jthread consumer([&] { (void)queue.Pop({}); });
  EXPECT_TRUE(
      queue.PushUntil(second, 10, std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  queue.Close();
  EXPECT_FALSE(queue.PushUntil(first, 1, soon()));
}

TEST(BoundedQueue, CloseWakesWhoWaits) {
  BoundedQueue<int> queue(1);
  TryPush(queue, 1, 1);
  BoundedQueue<int> empty(1);
  std::atomic<int> woken{0};
  std::latch started(2);
  std::jthread producer([&] {
    int item = 2;
    started.count_down();
    if (!queue.Push(item, 1, {})) woken += 1;
  });
  std::jthread consumer([&] {
    started.count_down();
    if (!empty.Pop({})) woken += 1;
  });
  started.wait();
  queue.Close();
  empty.Close();
  producer.join();
  consumer.join();
  EXPECT_EQ(woken, 2);
}

TEST(BoundedQueue, AStopRequestEndsEveryWait) {
  BoundedQueue<int> full(1);
  TryPush(full, 1, 1);
  BoundedQueue<int> empty(1);
  std::atomic<int> ended{0};
  {
    std::jthread push([&](std::stop_token stop) {
      int item = 2;
      if (!full.Push(item, 1, stop)) ended += 1;
    });
    std::jthread pop([&](std::stop_token stop) {
      if (!empty.Pop(stop)) ended += 1;
    });
    std::jthread pop_until([&](std::stop_token stop) {
      if (!empty.PopUntil(std::chrono::steady_clock::now() + 1h, stop)) ended += 1;
    });
  }  // ~jthread asks to stop and joins
  EXPECT_EQ(ended, 3);
}

TEST(BoundedQueue, TellsAStoppedCallerNothing) {
  BoundedQueue<int> queue(10);
  TryPush(queue, 1, 1);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(queue.Pop(source.get_token()), std::nullopt);
  EXPECT_EQ(queue.TryPop(), 1);
}

TEST(BoundedQueue, ASmallItemIsNotHeldUpBehindALargeOne) {
  // Room for the small one comes while a producer of a large one waits first in line.
  BoundedQueue<int> queue(10);
  TryPush(queue, 1, 5);
  TryPush(queue, 2, 5);
  std::latch started(2);
  std::jthread large([&] {
    int item = 3;
    started.count_down();
    queue.Push(item, 10, {});
  });
  std::jthread small([&] {
    int item = 4;
    started.count_down();
    queue.Push(item, 5, {});
  });
  started.wait();
  EXPECT_EQ(queue.Pop({}), 1);
  EXPECT_EQ(queue.Pop({}), 2);
  std::set<int> rest = {*queue.Pop({}), *queue.Pop({})};
  EXPECT_EQ(rest, (std::set<int>{3, 4}));
}

TEST(BoundedQueue, GivesEachItemOnceAmongManyThreads) {
  constexpr int kProducers = 3;
  constexpr int kItems = 2000;
  BoundedQueue<int> queue(64);
  std::vector<std::vector<int>> taken(3);
  {
    std::vector<std::jthread> consumers;
    for (std::vector<int>& mine : taken) {
      consumers.emplace_back([&] {
        while (const std::optional<int> item = queue.Pop({})) mine.push_back(*item);
      });
    }
    std::vector<std::jthread> producers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < kItems; ++i) {
          int item = p * kItems + i;
          EXPECT_TRUE(queue.Push(item, static_cast<size_t>(1 + i % 40), {}));
        }
      });
    }
    for (std::jthread& producer : producers) producer.join();
    queue.Close();
  }
  std::set<int> all;
  for (const std::vector<int>& mine : taken) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), static_cast<size_t>(kProducers * kItems));
  EXPECT_EQ(taken[0].size() + taken[1].size() + taken[2].size(), all.size());
  EXPECT_EQ(queue.size_bytes(), 0u);
}

}  // namespace
}  // namespace shared
