#include "shared/concurrency/guarded.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace shared {
namespace {

TEST(Guarded, LosesNoChange) {
  Guarded<int> count;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 10'000; ++j) count.With([](int& value) { value += 1; });
      });
    }
  }
  EXPECT_EQ(count.Copy(), 40'000);
}

TEST(Guarded, ReturnsWhatTheFunctionReturns) {
  Guarded<std::string> text("abc");
  EXPECT_EQ(text.With([](std::string& value) { return value.size(); }), 3u);
  const Guarded<std::string>& constant = text;
  EXPECT_EQ(constant.With([](const std::string& value) { return value + "d"; }), "abcd");
}

}  // namespace
}  // namespace shared
