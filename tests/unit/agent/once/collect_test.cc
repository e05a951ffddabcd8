#include "agent/once/collect.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/logs/checkpoint.h"
#include "shared/base/unique_fd.h"
#include "tests/support/temporary_directory.h"

namespace agent::once {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

host::HostSystem FakeSystem() {
  host::HostSystem out;
  out.statfs = [](const std::string&) -> shared::Result<host::FilesystemUsage> {
    return host::FilesystemUsage{4096, 100, 50, 25, 10, 5};
  };
  out.tcp_states = []() -> shared::Result<host::TcpStates> { return host::TcpStates{}; };
  return out;
}

TEST(CollectHost, HasTheSeriesOfACapturedHost) {
  host::HostOptions options;
  options.proc_root = PGVIGIL_FIXTURES "/proc/6.1-x86_64";
  options.sys_root = PGVIGIL_FIXTURES "/sys/6.1-x86_64";
  Report report;
  CollectHost(options, FakeSystem(), report);
  EXPECT_TRUE(std::any_of(report.metrics.begin(), report.metrics.end(), [](const Sample& sample) {
    return sample.name == "system.uptime" && sample.unit == "s" && sample.value > 0;
  }));
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_THAT(report.remarks, IsEmpty());
}

TEST(CollectPostgres, TellsOfAServerThatIsAway) {
  const tests::TemporaryDirectory directory;
  config::PostgresTarget target;
  target.host = directory.path();
  Report report;
  CollectPostgres(target, report);
  EXPECT_THAT(
      report.metrics,
      ElementsAre(Sample{
          "postgresql.up", {{"postgresql.target", "main"}, {"server.port", "5432"}}, 0, "1"}));
  EXPECT_THAT(report.failures, ElementsAre(StartsWith("postgres:main: connect: ")));
}

TEST(CollectSyslog, NamesTheFileAndItsSizeOrWhatIsWrong) {
  const tests::TemporaryDirectory directory;
  config::Syslog syslog;
  syslog.path = directory / "syslog";
  Report missing;
  CollectSyslog(syslog, missing);
  EXPECT_THAT(missing.logs, IsEmpty());
  EXPECT_THAT(missing.failures,
              ElementsAre(fmt::format("logs:syslog: open {}: No such file or directory (install a "
                                      "syslog daemon that writes {}, or set another path)",
                                      syslog.path, syslog.path)));
  std::ofstream(syslog.path) << "four";
  Report report;
  CollectSyslog(syslog, report);
  EXPECT_THAT(report.logs, ElementsAre(LogFile{"syslog", syslog.path, 4, std::nullopt}));
  EXPECT_THAT(report.failures, IsEmpty());
}

TEST(AddPositions, TellsWhatTheCollectorDoesNotHaveYet) {
  const tests::TemporaryDirectory directory;
  const std::string checkpoint_path = directory / "tail.checkpoint";
  Report report;
  for (const char* name : {"read", "truncated", "unknown"}) {
    std::ofstream(directory / name) << "0123456789";
    report.logs.push_back({name, directory / name, 10, std::nullopt});
  }
  AddPositions(checkpoint_path, report);
  EXPECT_EQ(report.logs[0].behind_bytes, std::nullopt) << "there is no checkpoint";
  EXPECT_FALSE(std::filesystem::exists(checkpoint_path)) << "made by looking at it";

  logs::CheckpointState state;
  for (const auto& [name, offset] : {std::pair("read", 7U), std::pair("truncated", 11U)}) {
    const shared::UniqueFd fd(::open((directory / name).c_str(), O_RDONLY | O_CLOEXEC));
    const auto status = logs::ReadFileStatus(fd.get(), name);
    ASSERT_TRUE(status) << status.error().message;
    logs::FileEntry& entry = state.files.emplace_back();
    entry.id = std::string(16, 'i');
    entry.key = status->key;
    entry.offset = offset;
  }
  auto checkpoint = logs::Checkpoint::Open(checkpoint_path);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ASSERT_TRUE(checkpoint->Save(state));
  AddPositions(checkpoint_path, report);
  EXPECT_EQ(report.logs[0].behind_bytes, 3U);
  EXPECT_EQ(report.logs[1].behind_bytes, 10U);
  EXPECT_EQ(report.logs[2].behind_bytes, std::nullopt);
}

TEST(CollectAll, LeavesAloneWhatIsSwitchedOff) {
  config::AgentConfig config;
  config.host.enabled = false;
  config.syslog.enabled = false;
  config.postgres.emplace_back().enabled = false;
  const Report report = CollectAll(config);
  EXPECT_EQ(RenderText(report), "");
  EXPECT_THAT(report.failures, IsEmpty());
}

}  // namespace
}  // namespace agent::once
