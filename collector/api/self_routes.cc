#include "collector/api/self_routes.h"

#include <fmt/format.h>

#include <utility>

namespace collector::api {
namespace {

constexpr size_t kThreads = 1;
constexpr size_t kWaiting = 64;

http::Response PlainText(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

}  // namespace

SelfRoutes::SelfRoutes(shared::metrics::Registry& registry, std::vector<ReadyCheck> checks,
                       bool open_metrics)
    : registry_(registry),
      checks_(std::move(checks)),
      open_metrics_(open_metrics),
      pool_(kThreads, kWaiting) {}

void SelfRoutes::AddTo(http::Server& server) {
  server.OpenRoute("GET", "/healthz", [](const http::Request&, const http::Responder& respond) {
    respond(PlainText(200, "ok\n"));
  });
  server.OpenRoute("GET", "/readyz", [this](const http::Request&, http::Responder respond) {
    const bool taken = pool_.TryRun([this, respond] { respond(Readiness()); });
    if (!taken) respond(PlainText(503, "not ready: too many questions wait for an answer\n"));
  });
  const http::Handler metrics = [this, &server](const http::Request&,
                                                const http::Responder& respond) {
    respond(Metrics(server));
  };
  if (open_metrics_) {
    server.OpenRoute("GET", "/metrics", metrics);
  } else {
    server.Route("GET", "/metrics", access::Scope::kAdmin, metrics);
  }
}

http::Response SelfRoutes::Readiness() const {
  std::string problems;
  for (const ReadyCheck& each : checks_) {
    if (const shared::Result<void> ready = each.check(); !ready) {
      problems += fmt::format("not ready: {}: {}\n", each.role, ready.error().message);
    }
  }
  return problems.empty() ? PlainText(200, "ready\n") : PlainText(503, std::move(problems));
}

void SelfRoutes::UpdateTls(const http::ServerStatistics& statistics) {
  const auto raise = [](const shared::metrics::Counter& counter, uint64_t to) {
    counter.Increment(static_cast<double>(to) - counter.value());
  };
  for (const auto& [reason, count] : statistics.handshake_failures) {
    raise(registry_.AddCounter("collector_tls_handshake_failures_total",
                               "TLS connections that did not come about", {{"reason", reason}}),
          count);
  }
  if (!statistics.tls) return;
  const std::chrono::duration<double> not_after = statistics.tls->not_after.time_since_epoch();
  registry_
      .AddGauge("collector_tls_certificate_not_after_seconds",
                "When the listener's certificate expires, in seconds since 1970")
      .Set(not_after.count());
  raise(registry_.AddCounter("collector_tls_reloads_total",
                             "Times that certificate and key were loaded again"),
        statistics.tls->reloads_total);
  raise(registry_.AddCounter("collector_tls_reload_failures_total",
                             "Times that a new certificate or key was refused"),
        statistics.tls->reload_failures_total);
}

http::Response SelfRoutes::Metrics(const http::Server& server) {
  const http::ServerStatistics statistics = server.Statistics();
  UpdateTls(statistics);
  registry_.AddGauge("collector_http_connections", "Open connections")
      .Set(static_cast<double>(statistics.connections_open));
  for (const auto& [reason, count] : statistics.refused) {
    auto counter = registry_.AddCounter("collector_http_refused_total",
                                        "Requests and connections refused by the listener",
                                        {{"reason", reason}});
    counter.Increment(static_cast<double>(count) - counter.value());
  }
  for (const auto& [status, count] : statistics.responses_by_status) {
    auto counter = registry_.AddCounter("collector_http_responses_total", "Responses by status",
                                        {{"status", std::to_string(status)}});
    counter.Increment(static_cast<double>(count) - counter.value());
  }
  http::Response response = PlainText(200, registry_.Expose());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

}  // namespace collector::api
