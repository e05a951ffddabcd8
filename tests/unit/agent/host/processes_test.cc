#include "agent/host/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/host/pid_stat.h"
#include "tests/support/count_allocations.h"
#include "tests/support/temporary_directory.h"

namespace agent::host {
namespace {

using ::testing::ElementsAre;

TEST(ParsePidStat, EndsTheNameAtTheLastParenthesis) {
  const auto stat = ParsePidStat(
      "902 (a) R (b) S 1 902 902 0 -1 4194560 1200 0 3 0 102 22 0 0 20 0 6 0 9002 230000000 2500 "
      "18446744073709551615 1 1\n");
  ASSERT_TRUE(stat) << stat.error().message;
  EXPECT_EQ(stat->name, "a) R (b");
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->user_ticks, 102u);
  EXPECT_EQ(stat->system_ticks, 22u);
  EXPECT_EQ(stat->threads, 6u);
  EXPECT_EQ(stat->resident_pages, 2500u);
}

TEST(ParsePidStat, RefusesWhatIsNoSuchLine) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const auto stat = ParsePidStat(text);
    ASSERT_FALSE(stat) << text;
    EXPECT_EQ(stat.error().message, message) << text;
  };
  expect_error("", "line 1: no name");
  expect_error("1 init S 0", "line 1: no name");
  expect_error("1 )( S 0", "line 1: no state");
  expect_error(") S (", "line 1: no name");
  expect_error("1 (init)", "line 1: no state");
  expect_error("1 (init) ", "line 1: no state");
  expect_error("1 (init) S 0 1\n", "line 1: fewer than 24 fields, or one is no number");
}

void AddProcess(const std::string& root, const std::string& pid, std::string_view stat) {
  std::filesystem::create_directory(root + "/" + pid);
  std::ofstream(root + "/" + pid + "/stat") << stat;
}

TEST(ProcessWalk, CountsProcessesByState) {
  const tests::TemporaryDirectory root;
  int pid = 1;
  for (const char state : std::string_view("RSSDTtZII?")) {
    AddProcess(root.path(), std::to_string(pid++), fmt::format("1 (x) y) {} 0 1\n", state));
  }
  AddProcess(root.path(), "self", "1 (x) R 0 1\n");
  std::filesystem::create_directory(root / "77");  // gone before it was read
  ProcessWalk walk(root.path());
  const auto counts = walk.Read();
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_THAT(counts->by_state, ElementsAre(1, 2, 1, 2, 1, 2));
  AddProcess(root.path(), "500", "1 (x) R 0 1\n");
  EXPECT_EQ(walk.Read()->by_state[0], 2u);
}

TEST(ProcessWalk, NamesTheFileThatIsMalformed) {
  const tests::TemporaryDirectory root;
  AddProcess(root.path(), "7", "garbage");
  ProcessWalk walk(root.path());
  EXPECT_EQ(walk.Read().error().message, root.path() + "/7/stat: line 1: no name");
}

TEST(ProcessWalk, NamesTheDirectoryThatIsMissing) {
  ProcessWalk walk("/nonexistent");
  EXPECT_EQ(walk.Read().error().message, "open /nonexistent: No such file or directory");
}

TEST(ProcessWalk, AllocatesNothingTheSecondTime) {
  ProcessWalk walk("/proc");
  ASSERT_TRUE(walk.Read());
  const tests::AllocationCount count;
  ASSERT_TRUE(walk.Read());
  EXPECT_EQ(count.Get(), 0u);
}

}  // namespace
}  // namespace agent::host
