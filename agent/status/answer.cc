#include "agent/status/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <utility>

#include "agent/pipeline/names.h"
#include "shared/base/version.h"
#include "shared/text/prometheus.h"

namespace agent::status {
namespace {

using pgvigil::v1::AgentStatus;
using pgvigil::v1::Capability;
using pgvigil::v1::StreamStatus;
using pipeline::StateName;
using pipeline::StreamName;
using Label = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kPrefix = "pgvigil_agent_";

void AppendFamily(std::string_view name, std::string_view type, std::string_view help,
                  std::string& out) {
  out += fmt::format("# HELP {}{} {}\n# TYPE {}{} {}\n", kPrefix, name, help, kPrefix, name, type);
}

template <typename Number>
void AppendSample(std::string_view name, std::initializer_list<Label> labels, Number value,
                  std::string& out) {
  out += kPrefix;
  out += name;
  char separator = '{';
  for (const Label& label : labels) {
    out += separator;
    out += label.first;
    out += '=';
    shared::text::AppendLabelValue(label.second, out);
    separator = ',';
  }
  out += fmt::format("}} {}\n", value);
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

}  // namespace

std::string RenderMetrics(const AgentStatus& status, shared::WallTime now) {
  std::string out;
  AppendFamily("build_info", "gauge", "Which agent this is; always 1.", out);
  AppendSample("build_info", {{"version", status.version()}, {"commit", shared::kCommit}}, 1, out);
  AppendFamily("capability", "gauge", "What the agent can collect, by its state; always 1.", out);
  for (const Capability& one : status.capabilities()) {
    AppendSample("capability", {{"name", one.name()}, {"state", StateName(one.state())}}, 1, out);
  }
  AppendFamily("dropped_items_total", "counter",
               "Samples, log records and statement deltas that were lost.", out);
  for (const pgvigil::v1::Dropped& one : status.dropped()) {
    AppendSample("dropped_items_total",
                 {{"stream", StreamName(one.stream())}, {"reason", one.reason()}}, one.items(),
                 out);
  }
  AppendFamily("waiting_bytes", "gauge", "Made and not yet acknowledged by the collector.", out);
  for (const StreamStatus& one : status.streams()) {
    AppendSample("waiting_bytes", {{"stream", StreamName(one.stream())}}, one.waiting_bytes(), out);
  }
  AppendFamily("oldest_waiting_seconds", "gauge", "Age of the oldest that waits; 0 when none does.",
               out);
  for (const StreamStatus& one : status.streams()) {
    AppendSample("oldest_waiting_seconds", {{"stream", StreamName(one.stream())}},
                 AgeSeconds(one, now), out);
  }
  return out;
}

Answer AnswerTo(std::string_view path, const AgentStatus& status, shared::WallTime now) {
  if (path == "/healthz") return {.body = "ok\n"};
  if (path == "/readyz") return Ready(status);
  if (path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = RenderMetrics(status, now)};
  }
  return {.status = 404, .body = "not found: try /healthz, /readyz or /metrics\n"};
}

}  // namespace agent::status
