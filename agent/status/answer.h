#pragma once

#include <string>
#include <string_view>

#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"

// What the status page says. Pure.
namespace agent::status {

struct Answer {
  int status = 200;  // HTTP
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// GET of `path`, without query string:
//   /healthz  "ok": the process answers
//   /readyz   "ready", or 503 "not ready: <why>" while the capability "collector" is failed
//   /metrics  RenderMetrics
// and 404 for any other.
Answer AnswerTo(std::string_view path, const pgvigil::v1::AgentStatus& status,
                shared::WallTime now);

// Prometheus text exposition format 0.0.4:
//   pgvigil_agent_build_info{version="0.1.0",commit="0123456789ab"} 1
//   pgvigil_agent_capability{name="host",state="ok"} 1
//   pgvigil_agent_dropped_items_total{stream="metrics",reason="queue_full"} 12
//   pgvigil_agent_waiting_bytes{stream="metrics"} 4096
//   pgvigil_agent_oldest_waiting_seconds{stream="metrics"} 1.5
// The age is 0 when nothing waits, or when the clock was set back since.
std::string RenderMetrics(const pgvigil::v1::AgentStatus& status, shared::WallTime now);

}  // namespace agent::status
