#include "shared/log/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace shared::log {
namespace {

// What `write` sends to standard error, without the times: "WARN text\n".
template <typename Function>
std::string Logged(Function&& write) {
  testing::internal::CaptureStderr();
  write();
  const std::string text = testing::internal::GetCapturedStderr();
  std::string out;
  size_t start = 0;
  while (start < text.size()) {
    const size_t end = text.find('\n', start);
    const std::string line = text.substr(start, end - start);
    // "2026-11-21T08:00:00.123Z "
    constexpr size_t kTime = 25;
    EXPECT_GE(line.size(), kTime) << line;
    EXPECT_EQ(line.substr(10, 1), "T") << line;
    EXPECT_EQ(line.substr(23, 2), "Z ") << line;
    out += line.substr(kTime) + "\n";
    start = end + 1;
  }
  return out;
}

TEST(Log, WritesOneLineWithTimeAndLevel) {
  Init(Level::kDebug);
  EXPECT_EQ(Logged([] { Debug("a {}", 1); }), "DEBUG a 1\n");
  EXPECT_EQ(Logged([] { Info("b {}", "x"); }), "INFO b x\n");
  EXPECT_EQ(Logged([] { Warn("c"); }), "WARN c\n");
  EXPECT_EQ(Logged([] { Error("d {:03}", 7); }), "ERROR d 007\n");
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  Init(Level::kWarn);
  EXPECT_EQ(Logged([] {
              Debug("a");
              Info("b");
              Warn("c");
            }),
            "WARN c\n");
  EXPECT_FALSE(Enabled(Level::kInfo));
  EXPECT_TRUE(Enabled(Level::kError));
  SetLevel(Level::kInfo);
  EXPECT_EQ(Logged([] { Info("b"); }), "INFO b\n");
}

TEST(Log, LetsNoMessageForgeALine) {
  Init(Level::kInfo);
  EXPECT_EQ(Logged([] { Info("{}", "a\nERROR b\r\x1b[31m\x7f\t"); }),
            "INFO a\\x0aERROR b\\x0d\\x1b[31m\\x7f\\x09\n");
  EXPECT_EQ(Logged([] { Info("{}", "ü {} %v"); }), "INFO ü {} %v\n");
  EXPECT_EQ(Logged([] { Info("{}", std::string_view("a\0b", 3)); }), "INFO a\\x00b\n");
}

TEST(RateLimit, AllowsOneAPeriodAndCountsTheRest) {
  RateLimit limit(std::chrono::hours(1));
  uint64_t suppressed = 99;
  EXPECT_TRUE(limit.Allow(&suppressed));
  EXPECT_EQ(suppressed, 0u);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(limit.Allow(&suppressed));
  EXPECT_EQ(suppressed, 0u);  // told only with the next line
}

TEST(RateLimit, TellsHowManyWereHeldBack) {
  RateLimit limit(std::chrono::seconds(1));
  uint64_t suppressed = 0;
  EXPECT_TRUE(limit.Allow());
  uint64_t refused = 0;
  while (!limit.Allow(&suppressed)) refused += 1;  // until the second has passed
  EXPECT_EQ(suppressed, refused);
}

TEST(RateLimit, LetsOnlyOneOfManyThreadsThrough) {
  RateLimit limit(std::chrono::hours(1));
  std::atomic<int> allowed{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 1000; ++j) {
          if (limit.Allow()) allowed += 1;
        }
      });
    }
  }
  EXPECT_EQ(allowed, 1);
}

}  // namespace
}  // namespace shared::log
