#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/status/process_usage.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"

// What the status page says. Pure.
namespace agent::status {

struct Answer {
  int status = 200;  // HTTP
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// What an answer is made of.
struct Facts {
  pgvigil::v1::AgentStatus status;
  std::optional<ProcessUsage> usage;  // nullopt: could not be read, and is left out
  shared::WallTime now;
};

// GET of `path`, without query string:
//   /healthz  "ok": the process answers
//   /readyz   "ready", or 503 "not ready: <why>" while the capability "collector" is failed
//   /metrics  RenderMetrics
// and 404 for any other.
Answer AnswerTo(std::string_view path, const Facts& facts);

// Prometheus text exposition format 0.0.4:
//   pgvigil_agent_build_info{version="0.1.0",commit="0123456789ab"} 1
//   pgvigil_agent_start_time_seconds 1767225600
//   pgvigil_agent_capability{name="host",state="ok"} 1      0 for its three other states
//   pgvigil_agent_dropped_items_total{stream="metrics",reason="queue_full"} 12
//   pgvigil_agent_waiting_bytes{stream="metrics"} 4096
//   pgvigil_agent_oldest_waiting_seconds{stream="metrics"} 1.5
//   process_cpu_seconds_total 12.5
//   process_resident_memory_bytes 14680064
// The age is 0 when nothing waits, or when the clock was set back since.
std::string RenderMetrics(const Facts& facts);

}  // namespace agent::status
