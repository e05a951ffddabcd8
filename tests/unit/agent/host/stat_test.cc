#include "agent/host/stat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kText =
    "cpu  100 20 30 4000 5 6 7 8 9 1\n"
    "cpu0 60 10 20 2000 3 4 5 6 7 1\n"
    "cpu12 40 10 10 2000 2 2 2 2 2 0\n"
    "intr 555 1 2 3\nctxt 777\nbtime 1700000000\nprocesses 42\nprocs_running 3\nprocs_blocked 1\n"
    "softirq 99 1 2\nnew_line 1\n";

TEST(ParseStat, ReadsTheCpusAndTheCounters) {
  Stat stat;
  ASSERT_TRUE(ParseStat(kText, stat));
  EXPECT_THAT(stat.all.ticks, ElementsAre(100, 20, 30, 4000, 5, 6, 7, 8, 9, 1));
  ASSERT_EQ(stat.cpus.size(), 2u);
  EXPECT_EQ(stat.cpus[1].number, "12");
  EXPECT_EQ(stat.cpus[1].ticks[0], 40u);
  EXPECT_EQ(stat.interrupts, 555u);
  EXPECT_EQ(stat.context_switches, 777u);
  EXPECT_EQ(stat.boot_time, 1'700'000'000u);
  EXPECT_EQ(stat.processes_created, 42u);
  EXPECT_EQ(stat.processes_running, 3u);
  EXPECT_EQ(stat.processes_blocked, 1u);
  EXPECT_EQ(stat.softirqs, 99u);
}

TEST(ParseStat, ForgetsWhatTheTextBeforeHad) {
  Stat stat;
  ASSERT_TRUE(ParseStat(kText, stat));
  ASSERT_TRUE(ParseStat("cpu  1 2 3 4\n", stat));
  EXPECT_THAT(stat.cpus, IsEmpty());
  EXPECT_EQ(stat.context_switches, std::nullopt);
  EXPECT_EQ(stat.all.modes, 4u);
}

TEST(ParseStat, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    Stat stat;
    const auto parsed = ParseStat(text, stat);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message) << text;
  };
  expect_error("", "cpu is missing");
  expect_error("ctxt 5\n", "cpu is missing");
  expect_error("cpu 1 2 x 4\n", "line 1: cpu: no number");
  expect_error("cpu 1 2 -3 4\n", "line 1: cpu: no number");
  expect_error("cpu 1 2 3 4\ncpu0 1 2 3\n", "line 2: cpu0: fewer than 4 columns");
  expect_error("cpu 1 2 3 4\nctxt\n", "line 2: ctxt: no number");
  expect_error("cpu 1 2 3 4\nctxt 99999999999999999999\n", "line 2: ctxt: no number");
}

TEST(EmitStat, SendsTimesByCpuOrOfAllButNeverBoth) {
  Stat stat;
  ASSERT_TRUE(ParseStat("cpu  100 20 30 4000\ncpu0 100 20 30 4000\n", stat));
  EXPECT_THAT(tests::LinesOf([&](auto& frame) { Emit(stat, true, frame); }),
              ElementsAre("system.cpu.time{cpu.logical_number=0,cpu.mode=user} 1 s counter",
                          "system.cpu.time{cpu.logical_number=0,cpu.mode=nice} 0.2 s counter",
                          "system.cpu.time{cpu.logical_number=0,cpu.mode=system} 0.3 s counter",
                          "system.cpu.time{cpu.logical_number=0,cpu.mode=idle} 40 s counter",
                          "system.cpu.logical.count{} 1 {cpu} updowncounter"));
  EXPECT_THAT(tests::LinesOf([&](auto& frame) { Emit(stat, false, frame); }),
              ElementsAre("system.cpu.time{cpu.mode=user} 1 s counter",
                          "system.cpu.time{cpu.mode=nice} 0.2 s counter",
                          "system.cpu.time{cpu.mode=system} 0.3 s counter",
                          "system.cpu.time{cpu.mode=idle} 40 s counter",
                          "system.cpu.logical.count{} 1 {cpu} updowncounter"));
}

}  // namespace
}  // namespace agent::host
