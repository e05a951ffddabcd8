#include "agent/host/meminfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST(ParseMeminfo, LeavesFieldsAnOldKernelLacksUnset) {
  const auto meminfo = ParseMeminfo(tests::ReadFixture("proc/3.10-x86_64/meminfo"));
  ASSERT_TRUE(meminfo) << meminfo.error().message;
  EXPECT_EQ(meminfo->total_bytes, 8'201'236'480u);
  EXPECT_EQ(meminfo->available_bytes, std::nullopt);
  EXPECT_EQ(meminfo->percpu_bytes, std::nullopt);
  EXPECT_EQ(meminfo->hugepages_total, 512u);  // pages, not kB
}

TEST(ParseMeminfo, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const auto meminfo = ParseMeminfo(text);
    ASSERT_FALSE(meminfo) << text;
    EXPECT_EQ(meminfo.error().message, message) << text;
  };
  expect_error("", "MemTotal is missing");
  expect_error("MemFree: 8 kB\n", "MemTotal is missing");
  expect_error("MemTotal: 8 kB\nMemAvailable:", "line 2: MemAvailable: no number");
  expect_error("MemTotal: many kB\n", "line 1: MemTotal: no number");
}

TEST(EmitMeminfo, TheStatesSumUpToTheLimit) {
  const auto meminfo = ParseMeminfo(
      "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 200 kB\nSReclaimable: 30 kB\n"
      "SUnreclaim: 7 kB\n");
  ASSERT_TRUE(meminfo);
  EXPECT_THAT(
      tests::LinesOf([&](auto& frame) { Emit(*meminfo, frame); }),
      IsSupersetOf({"system.memory.usage{system.memory.state=used} 634880 By updowncounter",
                    "system.memory.usage{system.memory.state=free} 102400 By updowncounter",
                    "system.memory.usage{system.memory.state=buffers} 51200 By updowncounter",
                    "system.memory.usage{system.memory.state=cached} 235520 By updowncounter",
                    "system.memory.limit{} 1024000 By updowncounter"}));
}

TEST(EmitMeminfo, NothingIsNegativeWhenTheFieldsDoNotFitTogether) {
  const auto meminfo = ParseMeminfo(
      "MemTotal: 10 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 200 kB\nSwapTotal: 1 kB\n"
      "SwapFree: 2 kB\n");
  ASSERT_TRUE(meminfo);
  const auto lines = tests::LinesOf([&](auto& frame) { Emit(*meminfo, frame); });
  EXPECT_THAT(lines, Contains("system.memory.usage{system.memory.state=used} 0 By updowncounter"));
  EXPECT_THAT(lines, Contains("system.paging.usage{system.paging.state=used} 0 By updowncounter"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("slab"))));
}

}  // namespace
}  // namespace agent::host
