#include "agent/doctor/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;
using testing::ElementsAre;

host::HostSystem FakeSystem() {
  host::HostSystem out;
  out.statfs = [](const std::string&) -> shared::Result<host::FilesystemUsage> {
    return host::FilesystemUsage{4096, 100, 50, 25, 10, 5};
  };
  out.tcp_states = []() -> shared::Result<host::TcpStates> { return host::TcpStates{}; };
  return out;
}

std::vector<std::string> Summary(const std::vector<Capability>& capabilities) {
  std::vector<std::string> out;
  for (const Capability& one : capabilities) {
    out.push_back(fmt::format("{} {} {}", one.name(), static_cast<int>(one.state()), one.detail()));
  }
  return out;
}

TEST(CheckHost, IsFineOnACapturedHost) {
  host::HostOptions options;
  options.proc_root = PGVIGIL_FIXTURES "/proc/6.1-x86_64";
  options.sys_root = PGVIGIL_FIXTURES "/sys/6.1-x86_64";
  const Capability found = CheckHost(options, FakeSystem());
  EXPECT_EQ(found.name(), "host");
  EXPECT_EQ(found.state(), Capability::STATE_OK) << found.detail();
}

TEST(CheckHost, IsDegradedByAFileThatMakesNoSense) {
  const tests::TemporaryDirectory root;
  std::filesystem::copy(PGVIGIL_FIXTURES "/proc/6.1-x86_64", root / "proc",
                        std::filesystem::copy_options::recursive);
  std::ofstream(root / "proc/loadavg") << "none";
  host::HostOptions options;
  options.proc_root = root / "proc";
  options.sys_root = PGVIGIL_FIXTURES "/sys/6.1-x86_64";
  const Capability found = CheckHost(options, FakeSystem());
  EXPECT_EQ(found.state(), Capability::STATE_DEGRADED);
  EXPECT_THAT(found.detail(), testing::HasSubstr("loadavg"));
}

TEST(CheckPostgres, IsOffAsConfigured) {
  config::PostgresTarget target;
  target.enabled = false;
  EXPECT_THAT(Summary(CheckPostgres(target)),
              ElementsAre("postgres:main 4 ", "pg_stat_statements:main 4 ", "logs:main 4 "));
}

TEST(CheckPostgres, FailsForAllThatNeedsASessionWhenNobodyAnswers) {
  const tests::TemporaryDirectory directory;
  config::PostgresTarget target;
  target.name = "a";
  target.host = directory.path();
  target.statements.enabled = false;
  const std::vector<Capability> found = CheckPostgres(target);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name(), "postgres:a");
  EXPECT_EQ(found[0].state(), Capability::STATE_FAILED);
  EXPECT_THAT(found[0].remedy(), testing::HasSubstr(directory.path()));
  EXPECT_EQ(found[1].name(), "pg_stat_statements:a");
  EXPECT_EQ(found[1].state(), Capability::STATE_OFF);
  EXPECT_EQ(found[2].name(), "logs:a");
  EXPECT_EQ(found[2].state(), Capability::STATE_FAILED);
  EXPECT_EQ(found[2].detail(), "no session with the server");
  EXPECT_EQ(found[2].remedy(), "as for postgres:a");
}

TEST(CheckSyslog, IsOffWhenSwitchedOffAndNamesTheFileElse) {
  const tests::TemporaryDirectory directory;
  config::Syslog syslog;
  syslog.path = directory / "syslog";
  Capability found = CheckSyslog(syslog);
  EXPECT_EQ(found.state(), Capability::STATE_FAILED);
  EXPECT_EQ(found.detail(), "open " + syslog.path + ": No such file or directory");
  std::ofstream(syslog.path) << "Nov 21 00:00:00 host a: b\n";
  found = CheckSyslog(syslog);
  EXPECT_EQ(found.name(), "logs:syslog");
  EXPECT_EQ(found.state(), Capability::STATE_OK) << found.detail();
  syslog.enabled = false;
  found = CheckSyslog(syslog);
  EXPECT_EQ(found.state(), Capability::STATE_OFF);
}

}  // namespace
}  // namespace agent::doctor
