#include "agent/host/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/fake_clock.h"

namespace agent::host {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

HostOptions FixtureOptions() {
  HostOptions options;
  options.proc_root = PGVIGIL_FIXTURES "/proc/6.1-x86_64";
  options.sys_root = PGVIGIL_FIXTURES "/sys/6.1-x86_64";
  options.interval = 1ms;
  options.statfs_deadline = 1min;  // the machine may be busy
  return options;
}

HostSystem FakeSystem(bool netlink_works = true) {
  HostSystem out;
  out.statfs = [](const std::string&) -> shared::Result<FilesystemUsage> {
    return FilesystemUsage{4096, 100, 50, 40, 10, 4};
  };
  out.tcp_states = [=]() -> shared::Result<TcpStates> {
    if (!netlink_works) return shared::FailErrno(EPERM, "sock_diag");
    return TcpStates{};
  };
  return out;
}

struct Sink {
  explicit Sink(size_t queue_bytes) : queue(queue_bytes) {}
  HostSink get() { return {clock, queue, drops, capabilities}; }
  pipeline::MetricRound PopRound() {
    auto telemetry = queue.Pop(std::stop_token());
    return std::get<pipeline::MetricRound>(std::move(*telemetry));
  }
  tests::FakeClock clock;
  pipeline::TelemetryQueue queue;
  pipeline::Drops drops;
  pipeline::Capabilities capabilities;
};

TEST(HostSource, PushesRoundsWithTheClocksTime) {
  Sink sink(1 << 20);
  const HostSource source(FixtureOptions(), FakeSystem(), sink.get(), 1);
  const pipeline::MetricRound first = sink.PopRound();
  const pipeline::MetricRound second = sink.PopRound();
  EXPECT_EQ(first.time, sink.clock.Now());
  EXPECT_EQ(first.layout, second.layout);
  EXPECT_EQ(first.values.size(), first.layout->series.size());
  EXPECT_GT(first.values.size(), 100u);
  const auto capabilities = sink.capabilities.Snapshot();
  ASSERT_EQ(capabilities.size(), 1u);
  EXPECT_EQ(capabilities[0].name(), "host");
  EXPECT_EQ(capabilities[0].state(), pgvigil::v1::Capability::STATE_OK);
}

TEST(HostSource, SaysWhatIsMissingInItsCapability) {
  Sink sink(1 << 20);
  const HostSource source(FixtureOptions(), FakeSystem(false), sink.get(), 1);
  sink.PopRound();
  const auto capabilities = sink.capabilities.Snapshot();
  ASSERT_EQ(capabilities.size(), 1u);
  EXPECT_EQ(capabilities[0].state(), pgvigil::v1::Capability::STATE_DEGRADED);
  EXPECT_THAT(capabilities[0].detail(), StartsWith("sock_diag: Operation not permitted: "));
}

TEST(HostSource, CountsARoundThatTheQueueRefuses) {
  Sink sink(1);  // takes one round, for it is empty
  uint64_t dropped = 0;
  {
    const HostSource source(FixtureOptions(), FakeSystem(), sink.get(), 1);
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (dropped == 0 && std::chrono::steady_clock::now() < give_up) {
      for (const auto& drop : sink.drops.Snapshot()) {
        if (drop.reason() == "queue_full") dropped = drop.items();
      }
      std::this_thread::yield();
    }
  }
  const size_t series = sink.PopRound().values.size();
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(dropped % series, 0u);
}

TEST(HostSource, EndsInTheMiddleOfALongInterval) {
  Sink sink(1 << 20);
  HostOptions options = FixtureOptions();
  options.interval = 24h;
  HostSource source(options, FakeSystem(), sink.get(), 1);
  source.Stop();  // the destructor returns
}

TEST(PhaseOf, IsFixedForASeedAndSpreadOverSeeds) {
  std::set<int64_t> seconds;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const auto phase = PhaseOf(seed, 10s);
    EXPECT_EQ(phase, PhaseOf(seed, 10s));
    EXPECT_GE(phase, 0s);
    EXPECT_LT(phase, 10s);
    seconds.insert(std::chrono::duration_cast<std::chrono::seconds>(phase).count());
  }
  EXPECT_EQ(seconds.size(), 10u);
  EXPECT_EQ(PhaseOf(1, 0s), 0s);
}

}  // namespace
}  // namespace agent::host
