#include "agent/status/answer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shared/base/version.h"

namespace agent::status {
namespace {

using pgvigil::v1::AgentStatus;
using pgvigil::v1::Capability;

constexpr int64_t kSecond = 1'000'000'000;

AgentStatus Example() {
  AgentStatus status;
  status.set_version("9.8.7");
  status.set_started_unix_nano(1'767'225'600 * uint64_t{kSecond});
  Capability* capability = status.add_capabilities();
  capability->set_name("logs:a\"b");
  capability->set_state(Capability::STATE_DEGRADED);
  pgvigil::v1::Dropped* dropped = status.add_dropped();
  dropped->set_stream(pgvigil::v1::STREAM_LOGS);
  dropped->set_reason("log_gap");
  dropped->set_items(uint64_t{1} << 60);
  pgvigil::v1::StreamStatus* stream = status.add_streams();
  stream->set_stream(pgvigil::v1::STREAM_METRICS);
  stream->set_waiting_bytes(4096);
  stream->set_oldest_waiting_unix_nano(100 * kSecond);
  status.add_streams()->set_stream(pgvigil::v1::STREAM_STATEMENTS);
  return status;
}

TEST(RenderMetrics, IsPrometheusText) {
  EXPECT_EQ(RenderMetrics({Example(), ProcessUsage{12.5, 14'680'064},
                           shared::FromUnixNanos(101 * kSecond + kSecond / 2)}),
            fmt::format(R"(# HELP pgvigil_agent_build_info Which agent this is; always 1.
# TYPE pgvigil_agent_build_info gauge
pgvigil_agent_build_info{{version="9.8.7",commit="{}"}} 1
# HELP pgvigil_agent_start_time_seconds When it started, since 1970.
# TYPE pgvigil_agent_start_time_seconds gauge
pgvigil_agent_start_time_seconds 1767225600
# HELP pgvigil_agent_capability What the agent can collect: 1 for the state that holds.
# TYPE pgvigil_agent_capability gauge
pgvigil_agent_capability{{name="logs:a\"b",state="ok"}} 0
pgvigil_agent_capability{{name="logs:a\"b",state="degraded"}} 1
pgvigil_agent_capability{{name="logs:a\"b",state="failed"}} 0
pgvigil_agent_capability{{name="logs:a\"b",state="off"}} 0
# HELP pgvigil_agent_dropped_items_total Samples, log records and statement deltas that were lost.
# TYPE pgvigil_agent_dropped_items_total counter
pgvigil_agent_dropped_items_total{{stream="logs",reason="log_gap"}} 1152921504606846976
# HELP pgvigil_agent_waiting_bytes Made and not yet acknowledged by the collector.
# TYPE pgvigil_agent_waiting_bytes gauge
pgvigil_agent_waiting_bytes{{stream="metrics"}} 4096
pgvigil_agent_waiting_bytes{{stream="statements"}} 0
# HELP pgvigil_agent_oldest_waiting_seconds Age of the oldest that waits; 0 when none does.
# TYPE pgvigil_agent_oldest_waiting_seconds gauge
pgvigil_agent_oldest_waiting_seconds{{stream="metrics"}} 1.5
pgvigil_agent_oldest_waiting_seconds{{stream="statements"}} 0
# HELP process_cpu_seconds_total User and system time.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.5
# HELP process_resident_memory_bytes Resident memory.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 14680064
)",
                        shared::kCommit));
}

TEST(RenderMetrics, KnowsNoNegativeAge) {
  const std::string text =
      RenderMetrics({Example(), std::nullopt, shared::FromUnixNanos(50 * kSecond)});
  EXPECT_NE(text.find("oldest_waiting_seconds{stream=\"metrics\"} 0\n"), std::string::npos) << text;
}

TEST(RenderMetrics, LeavesOutAProcessThatCannotBeRead) {
  const std::string text = RenderMetrics({Example(), std::nullopt, {}});
  EXPECT_EQ(text.find("process_"), std::string::npos) << text;
}

TEST(AnswerTo, IsNotReadyOnlyWhileTheCollectorIsFailed) {
  AgentStatus status = Example();
  const auto expect = [&](int code, std::string_view body) {
    const Answer answer = AnswerTo("/readyz", {status, std::nullopt, {}});
    EXPECT_EQ(answer.status, code);
    EXPECT_EQ(answer.body, body);
  };
  expect(200, "ready\n");
  Capability* collector = status.add_capabilities();
  collector->set_name("collector");
  collector->set_state(Capability::STATE_FAILED);
  collector->set_detail("connect: Connection refused");
  expect(503, "not ready: connect: Connection refused\n");
  collector->set_state(Capability::STATE_OK);
  expect(200, "ready\n");
  EXPECT_EQ(AnswerTo("/healthz", {status, std::nullopt, {}}).body, "ok\n");
}

TEST(AnswerTo, KnowsNoOtherPath) {
  for (const std::string_view path : {"/", "", "/metrics/", "/../etc/passwd"}) {
    EXPECT_EQ(AnswerTo(path, {}).status, 404) << path;
  }
}

}  // namespace
}  // namespace agent::status
