#include "agent/status/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <utility>

#include "shared/base/version.h"
#include "shared/text/prometheus.h"
#include "shared/wire/names.h"

namespace agent::status {
namespace {

using pgvigil::v1::AgentStatus;
using pgvigil::v1::Capability;
using pgvigil::v1::StreamStatus;
using shared::wire::StateName;
using shared::wire::StreamName;
using Label = std::pair<std::string_view, std::string_view>;

constexpr Capability::State kStates[] = {Capability::STATE_OK, Capability::STATE_DEGRADED,
                                         Capability::STATE_FAILED, Capability::STATE_OFF};

void AppendFamily(std::string_view name, std::string_view type, std::string_view help,
                  std::string& out) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

template <typename Number>
void AppendSample(std::string_view name, std::initializer_list<Label> labels, Number value,
                  std::string& out) {
  out += name;
  char separator = '{';
  for (const Label& label : labels) {
    out += separator;
    out += label.first;
    out += '=';
    shared::text::AppendLabelValue(label.second, out);
    separator = ',';
  }
  out += fmt::format("{} {}\n", labels.size() == 0 ? "" : "}", value);
}

double AgeSeconds(const StreamStatus& stream, shared::WallTime now) {
  if (stream.oldest_waiting_unix_nano() == 0) return 0;
  const auto oldest =
      shared::FromUnixNanos(static_cast<int64_t>(stream.oldest_waiting_unix_nano()));
  return std::max(0.0, std::chrono::duration<double>(now - oldest).count());
}

Answer Ready(const AgentStatus& status) {
  for (const Capability& one : status.capabilities()) {
    if (one.name() == "collector" && one.state() == Capability::STATE_FAILED) {
      return {.status = 503, .body = fmt::format("not ready: {}\n", one.detail())};
    }
  }
  return {.body = "ready\n"};
}

void RenderAgent(const AgentStatus& status, std::string& out) {
  AppendFamily("pgvigil_agent_build_info", "gauge", "Which agent this is; always 1.", out);
  AppendSample("pgvigil_agent_build_info",
               {{"version", status.version()}, {"commit", shared::kCommit}}, 1, out);
  AppendFamily("pgvigil_agent_start_time_seconds", "gauge", "When it started, since 1970.", out);
  AppendSample("pgvigil_agent_start_time_seconds", {},
               static_cast<double>(status.started_unix_nano()) * 1e-9, out);
  AppendFamily("pgvigil_agent_capability", "gauge",
               "What the agent can collect: 1 for the state that holds.", out);
  for (const Capability& one : status.capabilities()) {
    for (const Capability::State state : kStates) {
      AppendSample("pgvigil_agent_capability", {{"name", one.name()}, {"state", StateName(state)}},
                   one.state() == state ? 1 : 0, out);
    }
  }
}

void RenderLosses(const AgentStatus& status, std::string& out) {
  AppendFamily("pgvigil_agent_dropped_items_total", "counter",
               "Samples, log records and statement deltas that were lost.", out);
  for (const pgvigil::v1::Dropped& one : status.dropped()) {
    AppendSample("pgvigil_agent_dropped_items_total",
                 {{"stream", StreamName(one.stream())}, {"reason", one.reason()}}, one.items(),
                 out);
  }
}

void RenderWaiting(const AgentStatus& status, shared::WallTime now, std::string& out) {
  AppendFamily("pgvigil_agent_waiting_bytes", "gauge",
               "Made and not yet acknowledged by the collector.", out);
  for (const StreamStatus& one : status.streams()) {
    AppendSample("pgvigil_agent_waiting_bytes", {{"stream", StreamName(one.stream())}},
                 one.waiting_bytes(), out);
  }
  AppendFamily("pgvigil_agent_oldest_waiting_seconds", "gauge",
               "Age of the oldest that waits; 0 when none does.", out);
  for (const StreamStatus& one : status.streams()) {
    AppendSample("pgvigil_agent_oldest_waiting_seconds", {{"stream", StreamName(one.stream())}},
                 AgeSeconds(one, now), out);
  }
}

void RenderProcess(const ProcessUsage& usage, std::string& out) {
  AppendFamily("process_cpu_seconds_total", "counter", "User and system time.", out);
  AppendSample("process_cpu_seconds_total", {}, usage.cpu_seconds, out);
  AppendFamily("process_resident_memory_bytes", "gauge", "Resident memory.", out);
  AppendSample("process_resident_memory_bytes", {}, usage.resident_bytes, out);
}

}  // namespace

std::string RenderMetrics(const Facts& facts) {
  std::string out;
  RenderAgent(facts.status, out);
  RenderLosses(facts.status, out);
  RenderWaiting(facts.status, facts.now, out);
  if (facts.usage) RenderProcess(*facts.usage, out);
  return out;
}

Answer AnswerTo(std::string_view path, const Facts& facts) {
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/readyz") return Ready(facts.status);
  if (path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = RenderMetrics(facts)};
  }
  return {.status = 404, .body = "not found: try /healthz, /readyz or /metrics\n"};
}

}  // namespace agent::status
