#include "shared/concurrency/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace shared {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesItsCeilingUpToTheMost) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Backoff backoff({.first = 100ms, .most = 1s}, seed);
    for (const auto ceiling : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
      const auto wait = backoff.Next();
      EXPECT_GE(wait, ceiling / 2) << "seed " << seed;
      EXPECT_LE(wait, ceiling) << "seed " << seed;
    }
  }
}

TEST(Backoff, NeverOverflows) {
  Backoff backoff({.first = 24h, .most = 48h}, 1);
  for (int i = 0; i < 200; ++i) {
    const auto wait = backoff.Next();
    EXPECT_GE(wait, 12h) << i;
    EXPECT_LE(wait, 48h) << i;
  }
}

TEST(Backoff, BeginsAnewAfterASuccess) {
  Backoff backoff({.first = 100ms, .most = 60s}, 7);
  for (int i = 0; i < 10; ++i) backoff.Next();
  EXPECT_EQ(backoff.failures(), 10);
  backoff.Reset();
  EXPECT_EQ(backoff.failures(), 0);
  EXPECT_LE(backoff.Next(), 100ms);
}

TEST(Backoff, SpreadsAFleet) {
  std::set<int64_t> waits;
  for (uint64_t seed = 0; seed < 100; ++seed) waits.insert(Backoff({}, seed).Next().count());
  EXPECT_GT(waits.size(), 50u);
}

TEST(Backoff, HasACeilingBelowItsFirst) {
  EXPECT_LE(Backoff({.first = 10s, .most = 1s}, 1).Next(), 1s);
}

}  // namespace
}  // namespace shared
