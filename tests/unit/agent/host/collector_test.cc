#include "agent/host/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "tests/support/count_allocations.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

HostSystem FakeSystem() {
  HostSystem out;
  out.statfs = [](const std::string& mountpoint) -> shared::Result<FilesystemUsage> {
    const uint64_t blocks = 1000 * mountpoint.size();
    return FilesystemUsage{4096, blocks, blocks / 2, blocks / 4, 100, 40};
  };
  out.tcp_states = []() -> shared::Result<TcpStates> {
    TcpStates states;
    for (size_t i = 1; i < states.by_state.size(); ++i) states.by_state[i] = i * 10;
    return states;
  };
  out.page_bytes = 4096;
  return out;
}

HostOptions OptionsOf(const std::string& root) {
  HostOptions options;
  options.proc_root = std::string(PGVIGIL_FIXTURES "/proc/") + root;
  options.sys_root = std::string(PGVIGIL_FIXTURES "/sys/") + root;
  options.statfs_deadline = std::chrono::minutes(1);  // the machine may be busy
  return options;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class HostCollectorGolden : public testing::TestWithParam<const char*> {};

// All series of one captured root with their values. After an intended change:
// PGVIGIL_UPDATE_GOLDEN=1 agent_host_test --gtest_filter='*Golden*', and read the difference.
TEST_P(HostCollectorGolden, HasTheSeriesOfTheFile) {
  HostCollector collector(OptionsOf(GetParam()), FakeSystem());
  const std::string got = Joined(tests::SeriesLines(collector.Collect()));
  const std::string path = fmt::format("{}/host_series/{}.txt", PGVIGIL_FIXTURES, GetParam());
  if (std::getenv("PGVIGIL_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << got;
  EXPECT_EQ(got, shared::ReadFile(path).value_or("no such file"));
  EXPECT_EQ(collector.problems().faults(), "");
}

INSTANTIATE_TEST_SUITE_P(Roots, HostCollectorGolden,
                         testing::Values("3.10-x86_64", "4.18-x86_64", "5.15-aarch64", "6.1-x86_64",
                                         "6.18-x86_64"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           for (char& c : name) {
                             if (c == '.' || c == '-') c = '_';
                           }
                           return name;
                         });

TEST(HostCollector, AnOldKernelLacksFilesAndThatIsNoFault) {
  HostCollector collector(OptionsOf("3.10-x86_64"), FakeSystem());
  collector.Collect();
  EXPECT_TRUE(collector.problems_changed());
  EXPECT_EQ(collector.problems().faults(), "");
  EXPECT_THAT(collector.problems().absent(), HasSubstr("/pressure/cpu: No such file"));
  collector.Collect();
  EXPECT_FALSE(collector.problems_changed());
}

TEST(HostCollector, ReadsARealHostWithoutAllocatingInTheSteadyState) {
  HostOptions options;
  options.process_period = options.connection_period = options.interval;  // all of it, each round
  // statfs of our own, for mounts of the machine that runs the test may come and go.
  HostCollector collector(options, {FakeSystem().statfs, {}, 0});
  for (int round = 0; round < 70; ++round) collector.Collect();
  // Another program may start or stop a disk or an interface meanwhile; it will not in every round.
  size_t fewest = SIZE_MAX;
  for (int round = 0; round < 20; ++round) {
    const tests::AllocationCount count;
    collector.Collect();
    fewest = std::min(fewest, count.Get());
  }
  EXPECT_EQ(fewest, 0u);
  EXPECT_GT(collector.Collect().values.size(), 100u);
}

TEST(HostCollector, KeepsTheLayoutWhileTheHostStays) {
  HostCollector collector(OptionsOf("6.1-x86_64"), FakeSystem());
  const auto layout = collector.Collect().layout;
  for (int round = 0; round < 130; ++round) ASSERT_EQ(collector.Collect().layout, layout) << round;
}

TEST(HostCollector, FallsBackToSockstatWhenNetlinkIsRefused) {
  HostSystem system = FakeSystem();
  system.tcp_states = []() -> shared::Result<TcpStates> {
    return shared::FailErrno(EPERM, "sock_diag");
  };
  const HostOptions options = OptionsOf("6.1-x86_64");
  HostCollector collector(options, system);
  const auto lines = tests::SeriesLines(collector.Collect());
  EXPECT_EQ(collector.problems().faults(),
            "sock_diag: Operation not permitted: no TCP connections by state but time_wait, only "
            "the totals of " +
                options.proc_root + "/net/sockstat");
  EXPECT_THAT(lines, Contains("system.linux.tcp.sockets.in_use{} 35 {socket} updowncounter"));
  EXPECT_THAT(lines, Contains(StartsWith("system.network.connection.count{"
                                         "network.connection.state=time_wait,")));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("connection.state=established"))));
}

TEST(HostCollector, AsksForWhatIsDearOnceInAPeriod) {
  int dumps = 0;
  HostSystem system = FakeSystem();
  system.tcp_states = [&]() -> shared::Result<TcpStates> {
    dumps += 1;
    return TcpStates{};
  };
  HostOptions options = OptionsOf("6.1-x86_64");
  options.interval = std::chrono::seconds(10);
  options.connection_period = std::chrono::seconds(60);
  HostCollector collector(options, system);
  for (int round = 0; round < 13; ++round) collector.Collect();
  EXPECT_EQ(dumps, 3);  // rounds 1, 7 and 13
}

TEST(HostCollector, LeavesOutDisksAndInterfacesByGlob) {
  HostOptions options = OptionsOf("4.18-x86_64");
  options.ignored_disks = {"dm-*", "loop*"};
  options.ignored_interfaces = {"*"};
  HostCollector collector(options, FakeSystem());
  const auto lines = tests::SeriesLines(collector.Collect());
  EXPECT_THAT(lines, Contains(HasSubstr("system.device=sda}")));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("system.device=sda1}"))));  // a partition
  EXPECT_THAT(lines, Not(Contains(HasSubstr("system.device=dm-0}"))));
  EXPECT_THAT(lines, Not(Contains(StartsWith("system.network.io"))));
}

std::set<std::string> Names(const pipeline::FrameBuilder::Round& round) {
  std::set<std::string> out;
  for (const auto& series : round.layout->series) out.insert(series.name);
  return out;
}

// Every file of a root in turn is made garbage, or is gone: the others' metrics stay.
TEST(HostCollector, AFileThatIsWrongTakesOnlyItsOwnMetricsAway) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"stat", "system.cpu.time"},
      {"loadavg", "system.cpu.load_average.1m"},
      {"uptime", "system.uptime"},
      {"meminfo", "system.memory.usage"},
      {"vmstat", "system.paging.faults"},
      {"pressure/io", "system.io.linux.pressure.total"},
      {"diskstats", "system.disk.io"},
      {"1/mountinfo", "system.filesystem.usage"},
      {"net/dev", "system.network.io"},
      {"net/snmp", "system.linux.tcp.retransmitted_segments"},
      {"net/netstat", "system.linux.tcp.listen_drops"},
      {"net/sockstat", "system.linux.socket.count"},
      {"sys/fs/file-nr", "system.linux.file_handles.usage"},
      {"900/stat", "system.process.count"},
      {"self/stat", "pgvigil.agent.process.cpu.time"},
  };
  HostOptions options = OptionsOf("6.1-x86_64");
  const std::set<std::string> all = Names(HostCollector(options, FakeSystem()).Collect());
  for (const auto& [file, metric] : files) {
    ASSERT_THAT(all, Contains(metric));
    const tests::TemporaryDirectory root;
    std::filesystem::copy(options.proc_root, root.path(), std::filesystem::copy_options::recursive);
    std::ofstream(root / file) << "TCP: inuse garbage\n";
    HostOptions broken = options;
    broken.proc_root = root.path();
    HostCollector collector(broken, FakeSystem());
    const std::set<std::string> names = Names(collector.Collect());
    EXPECT_THAT(collector.problems().faults(), StartsWith(root / file + ": ")) << file;
    EXPECT_THAT(names, Not(Contains(metric))) << file;
    EXPECT_THAT(names, Contains(file == "uptime" ? "system.cpu.time" : "system.uptime")) << file;
    EXPECT_GT(names.size(), all.size() / 2) << file;
  }
}

TEST(HostCollector, SurvivesARootThatIsNotThere) {
  HostOptions options;
  options.proc_root = "/nonexistent";
  options.sys_root = "/nonexistent";
  HostCollector collector(options, FakeSystem());
  EXPECT_THAT(Names(collector.Collect()), testing::ElementsAre("pgvigil.agent.host.read_errors",
                                                               "system.network.connection.count"));
}

// Bytes of a real root are turned over at random: no crash, and uptime, left as it is, stays.
TEST(HostCollector, SurvivesRandomDamage) {
  constexpr unsigned kSeed = 4711;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  const HostOptions options = OptionsOf("6.1-x86_64");
  const tests::TemporaryDirectory root;
  for (int round = 0; round < 50; ++round) {
    std::filesystem::copy(options.proc_root, root.path(),
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    for (const char* file : {"stat", "meminfo", "vmstat", "diskstats", "1/mountinfo", "net/dev",
                             "net/snmp", "net/netstat", "net/sockstat", "900/stat"}) {
      std::string text = shared::ReadFile(root / file).value();
      for (int i = 0; i < 5; ++i) text[random() % text.size()] = static_cast<char>(random() % 256);
      if (random() % 4 == 0) text.resize(random() % text.size());
      std::ofstream(root / file) << text;
    }
    HostOptions damaged = options;
    damaged.proc_root = root.path();
    HostCollector collector(damaged, FakeSystem());
    EXPECT_THAT(Names(collector.Collect()), Contains("system.uptime")) << round;
  }
}

}  // namespace
}  // namespace agent::host
