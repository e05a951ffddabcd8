#include "agent/doctor/state_check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "shared/base/file.h"
#include "tests/support/temporary_directory.h"

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;
using ::testing::EndsWith;
using ::testing::StartsWith;

config::AgentConfig ConfigIn(const std::string& state_dir) {
  config::AgentConfig config;
  config.agent.state_dir = state_dir;
  config.spool.metrics_limit_bytes = 1;
  config.spool.statements_limit_bytes = 1;
  return config;
}

TEST(CheckStateDirectory, IsOkForADirectoryAndForOneThatCanBeMade) {
  const tests::TemporaryDirectory directory;
  for (const std::string& path : {directory.path(), directory / "a/b/c"}) {
    const Capability capability = CheckStateDirectory(ConfigIn(path));
    EXPECT_EQ(capability.name(), "state_dir");
    EXPECT_EQ(capability.state(), Capability::STATE_OK) << capability.detail();
    EXPECT_THAT(capability.detail(), StartsWith(path + ", "));
    EXPECT_THAT(capability.detail(), EndsWith(" MiB free"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "something was left behind";
}

TEST(CheckStateDirectory, FailsWhereAFileStands) {
  const tests::TemporaryDirectory directory;
  const std::string file = directory / "file";
  ASSERT_TRUE(shared::WriteFileDurably(file, ""));
  const Capability capability = CheckStateDirectory(ConfigIn(file));
  EXPECT_EQ(capability.state(), Capability::STATE_FAILED);
  EXPECT_EQ(capability.detail(), fmt::format("open {}: Not a directory", file));
  EXPECT_EQ(capability.remedy(),
            fmt::format("mkdir -p {} && chown <the agent's user> {}", file, file));
}

TEST(CheckStateDirectory, FailsWhereNothingCanBeWritten) {
  const Capability capability = CheckStateDirectory(ConfigIn("/proc/pgvigil"));
  EXPECT_EQ(capability.state(), Capability::STATE_FAILED);
  EXPECT_THAT(capability.detail(), StartsWith("make a file in /proc: "));
}

TEST(CheckStateDirectory, LooksAtTheSpoolsDirectoryToo) {
  const tests::TemporaryDirectory directory;
  config::AgentConfig config = ConfigIn(directory.path());
  config.spool.directory = "/proc/spool";
  const Capability capability = CheckStateDirectory(config);
  EXPECT_EQ(capability.state(), Capability::STATE_FAILED);
  EXPECT_EQ(capability.remedy(), "mkdir -p /proc/spool && chown <the agent's user> /proc/spool");
}

TEST(CheckStateDirectory, WarnsOfASpoolThatCannotGrowToItsLimit) {
  const tests::TemporaryDirectory directory;
  config::AgentConfig config = ConfigIn(directory.path());
  config.spool.metrics_limit_bytes = uint64_t{1} << 60;
  const Capability capability = CheckStateDirectory(config);
  EXPECT_EQ(capability.state(), Capability::STATE_DEGRADED);
  EXPECT_THAT(capability.detail(), EndsWith(" free, but the spool may grow by 1099511627776 MiB"));
  EXPECT_EQ(capability.remedy(),
            "free space, or lower spool.metrics_limit and spool.statements_limit");
}

TEST(CheckStateDirectory, CountsWhatTheSpoolHasTakenAlready) {
  const tests::TemporaryDirectory directory;
  config::AgentConfig config = ConfigIn(directory.path());
  config.spool.metrics_limit_bytes = (uint64_t{1} << 60) + (uint64_t{3} << 20);
  config.spool.statements_limit_bytes = 0;
  ASSERT_TRUE(shared::MakeDirectories(directory / "spool/metrics"));
  ASSERT_TRUE(shared::WriteFileDurably(directory / "spool/metrics/1", std::string(3 << 20, 'x')));
  EXPECT_THAT(CheckStateDirectory(config).detail(),
              EndsWith(" free, but the spool may grow by 1099511627776 MiB"));
}

}  // namespace
}  // namespace agent::doctor
