#include "collector/access/quotas.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/metric_value.h"

namespace collector::access {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Caller CallerOf(const std::string& key, int32_t tenant) {
  Caller caller;
  caller.key_id = key;
  caller.tenant = {tenant};
  return caller;
}

std::string Text(const std::optional<Excess>& excess) {
  return excess ? fmt::format("{}; {} s", excess->message, excess->retry_after_seconds) : "";
}

class QuotasTest : public ::testing::Test {
 protected:
  std::string Refused(const std::string& of, const std::string& limit) const {
    return tests::MetricValue(
        registry_,
        fmt::format("collector_quota_refused_total{{limit=\"{}\",of=\"{}\"}}", limit, of));
  }
  // "" when it is let in.
  static std::string Enter(Quotas& quotas, const Caller& caller, Scope scope = Scope::kIngest) {
    return Text(quotas.Enter(caller, scope));
  }
  static std::string Take(Quotas& quotas, const Caller& caller, const Cost& cost) {
    return Text(quotas.Take(caller, cost));
  }

  tests::FakeClock clock_;
  shared::metrics::Registry registry_;
  const Caller one_ = CallerOf("one", 2);
  const Caller two_ = CallerOf("two", 2);  // of the same tenant
  const Caller other_ = CallerOf("three", 3);
};

TEST_F(QuotasTest, AreNoneByThemselves) {
  Quotas quotas({}, clock_, registry_);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Enter(quotas, one_), "");
    quotas.PayBytes(one_, 1 << 30);
    EXPECT_EQ(Take(quotas, one_, {1 << 30, 1 << 30}), "");
  }
}

TEST_F(QuotasTest, LetABurstInAndThenTheRate) {
  constexpr const char* kUsedUp =
      "the key's quota of 2 requests a second is used up (quotas.key.requests_per_second); 1 s";
  Quotas quotas({{.requests_per_second = 2}, {}, seconds(5)}, clock_, registry_);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Enter(quotas, one_, Scope::kQuery), "") << i;
  EXPECT_EQ(Enter(quotas, one_), kUsedUp);
  clock_.Advance(milliseconds(499));
  EXPECT_EQ(Enter(quotas, one_), kUsedUp);
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(Enter(quotas, one_), "");
  EXPECT_EQ(Enter(quotas, one_), kUsedUp);
  clock_.Advance(std::chrono::hours(1));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Enter(quotas, one_), "") << "no more than a burst";
  EXPECT_EQ(Enter(quotas, one_), kUsedUp);
  EXPECT_EQ(Refused("key", "requests_per_second"), "4");
  EXPECT_EQ(Refused("tenant", "requests_per_second"), "0");
}

TEST_F(QuotasTest, AreOwnToAKeyAndSharedByATenant) {
  Quotas quotas({{.lines_per_second = 10}, {.lines_per_second = 15}, seconds(1)}, clock_,
                registry_);
  EXPECT_EQ(Take(quotas, one_, {0, 12}), "");
  EXPECT_EQ(Take(quotas, one_, {0, 1}),
            "the key's quota of 10 lines a second is used up (quotas.key.lines_per_second); 1 s");
  EXPECT_EQ(Take(quotas, two_, {0, 8}), "") << "its own is full, and the tenant's not yet empty";
  EXPECT_EQ(Take(quotas, CallerOf("new", 2), {0, 1}),
            "the tenant's quota of 15 lines a second is used up (quotas.tenant.lines_per_second);"
            " 1 s");
  EXPECT_EQ(Take(quotas, other_, {0, 15}), "");
  EXPECT_EQ(Refused("key", "lines_per_second"), "1");
  EXPECT_EQ(Refused("tenant", "lines_per_second"), "1");
}

TEST_F(QuotasTest, TakeNothingOfOneSideWhenTheOtherIsEmpty) {
  Quotas quotas({{.lines_per_second = 10}, {.lines_per_second = 5}, seconds(1)}, clock_, registry_);
  EXPECT_EQ(Take(quotas, two_, {0, 15}), "");
  for (int i = 0; i < 100; ++i) EXPECT_NE(Take(quotas, one_, {0, 10}), "");
  clock_.Advance(seconds(2));
  EXPECT_EQ(Take(quotas, one_, {0, 10}), "");
}

// A batch that is larger than a burst comes in, or it never would; the next waits until it is worn
// off.
TEST_F(QuotasTest, LetTheDebtOfALargeBatchBeWornOff) {
  Quotas quotas({{}, {.samples_per_second = 1'000}}, clock_, registry_);
  const std::string used_up =
      "the tenant's quota of 1000 samples a second is used up (quotas.tenant.samples_per_second); ";
  EXPECT_EQ(Take(quotas, one_, {50'000, 0}), "");
  EXPECT_EQ(Take(quotas, one_, {1, 0}), used_up + "20 s");
  clock_.Advance(seconds(19));
  EXPECT_EQ(Take(quotas, one_, {1, 0}), used_up + "1 s");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Take(quotas, one_, {1'000'000'000, 0}), "");
  EXPECT_EQ(Take(quotas, one_, {1, 0}), used_up + "300 s") << "then it is told so again";
}

TEST_F(QuotasTest, HoldUpNothingButWhatThereIsTooMuchOf) {
  Quotas quotas({{.bytes_per_second = 100, .samples_per_second = 100, .lines_per_second = 100}, {}},
                clock_, registry_);
  EXPECT_EQ(Take(quotas, one_, {0, 1'000'000}), "");
  EXPECT_NE(Take(quotas, one_, {0, 1}), "");
  EXPECT_EQ(Take(quotas, one_, {1, 0}), "") << "a flood of lines does not hold up metrics";
  quotas.PayBytes(one_, 1'000'000);
  EXPECT_EQ(
      Enter(quotas, one_, Scope::kIngest),
      "the key's quota of 100 bytes a second is used up (quotas.key.bytes_per_second); 300 s");
  EXPECT_EQ(Enter(quotas, one_, Scope::kQuery), "") << "questions bring none";
}

TEST_F(QuotasTest, AreGivenBackForWhatWasNotStored) {
  Quotas quotas({{.samples_per_second = 10, .lines_per_second = 10}, {}, seconds(1)}, clock_,
                registry_);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Take(quotas, one_, {1'000, 1'000}), "") << i;
    quotas.GiveBack(one_, {1'000, 1'000});
  }
  // And no more than a burst for it.
  EXPECT_EQ(Take(quotas, one_, {5, 0}), "");
  clock_.Advance(seconds(1));
  quotas.GiveBack(one_, {5, 0});
  EXPECT_EQ(Take(quotas, one_, {11, 0}), "");
  EXPECT_NE(Take(quotas, one_, {1, 0}), "");
}

TEST_F(QuotasTest, DoNotHoldUpWhoLooksWhatIsWrong) {
  Quotas quotas({{}, {.requests_per_second = 1}, seconds(1)}, clock_, registry_);
  EXPECT_EQ(Enter(quotas, one_), "");
  EXPECT_NE(Enter(quotas, one_), "");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Enter(quotas, one_, Scope::kAdmin), "");
}

TEST_F(QuotasTest, CountThoseWithoutAKeyTogether) {
  Quotas quotas({{.requests_per_second = 1}, {}, seconds(1)}, clock_, registry_);
  EXPECT_EQ(Enter(quotas, Caller{}), "");
  EXPECT_NE(Enter(quotas, Caller{}), "");
}

TEST_F(QuotasTest, CountQueriesUntilTheyEnd) {
  Quotas quotas({{.queries_at_once = 2}, {.queries_at_once = 3}}, clock_, registry_);
  std::vector<std::shared_ptr<Quotas::Place>> running;
  for (const Caller* const caller : {&one_, &one_, &two_}) {
    auto place = quotas.BeginQuery(*caller);
    ASSERT_TRUE(place);
    running.push_back(std::move(*place));
  }
  const auto expect_full = [&](const Caller& caller, std::string_view message) {
    const auto place = quotas.BeginQuery(caller);
    ASSERT_FALSE(place);
    EXPECT_EQ(place.error().message, message);
    EXPECT_EQ(place.error().retry_after_seconds, 1);
  };
  expect_full(one_, "the key's quota of 2 queries at once is used up (quotas.key.queries_at_once)");
  expect_full(two_,
              "the tenant's quota of 3 queries at once is used up (quotas.tenant.queries_at_once)");
  EXPECT_TRUE(quotas.BeginQuery(other_));
  running[0]->Leave();
  EXPECT_TRUE(quotas.BeginQuery(two_)) << "and leaves at once, unnamed";
  running.clear();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(quotas.BeginQuery(one_)) << "nothing was left behind";
  EXPECT_EQ(Refused("key", "queries_at_once"), "1");
  EXPECT_EQ(Refused("tenant", "queries_at_once"), "1");
}

// Ids come from keys, but keys come and go.
TEST_F(QuotasTest, RememberWhoOwesHoweverManyCome) {
  Quotas quotas({{.requests_per_second = 1, .queries_at_once = 1}, {}, seconds(1)}, clock_,
                registry_);
  EXPECT_EQ(Take(quotas, one_, {}), "");
  const auto place = quotas.BeginQuery(two_);
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_EQ(Enter(quotas, CallerOf(fmt::format("key {}", i), 2)), "");
    if (i % 1000 == 0) clock_.Advance(seconds(1));
  }
  EXPECT_EQ(Enter(quotas, CallerOf("key 99999", 2)),
            "the key's quota of 1 requests a second is used up (quotas.key.requests_per_second);"
            " 1 s");
  EXPECT_FALSE(quotas.BeginQuery(two_));
  clock_.Advance(seconds(1));
  EXPECT_EQ(Enter(quotas, CallerOf("key 99999", 2)), "");
}

// The clock stands, so all that can come in is one burst, however many ask at once.
TEST_F(QuotasTest, LetNoMoreInThanThereIsFromManyThreads) {
  constexpr int kThreads = 4;
  Quotas quotas({{}, {.requests_per_second = 100, .queries_at_once = 2}, seconds(5)}, clock_,
                registry_);
  std::atomic<int> entered{0};
  std::atomic<int> running{0};
  std::atomic<bool> too_many{false};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const Caller caller = CallerOf(std::to_string(i), 2);
        for (int n = 0; n < 1'000; ++n) {
          if (!quotas.Enter(caller, Scope::kQuery)) entered += 1;
          if (const auto place = quotas.BeginQuery(caller)) {
            if (running.fetch_add(1) >= 2) too_many = true;
            running -= 1;
          }
          quotas.GiveBack(caller, {1, 1});
        }
      });
    }
  }
  EXPECT_EQ(entered, 500);
  EXPECT_FALSE(too_many);
  EXPECT_TRUE(quotas.BeginQuery(one_)) << "all places are free again";
}

}  // namespace
}  // namespace collector::access
