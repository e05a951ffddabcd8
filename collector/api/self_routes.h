#pragma once

#include <functional>
#include <string>
#include <vector>

#include "collector/api/query_pool.h"
#include "collector/http/server.h"
#include "shared/base/result.h"
#include "shared/metrics/registry.h"

namespace collector::api {

// What one role of this process needs to do its work. `check` may wait for a server, a few seconds.
struct ReadyCheck {
  std::string role;  // "ingest", "store", "query"
  std::function<shared::Result<void>()> check;
};

// What the program says of itself, whatever its roles:
//   /healthz  200: the process answers
//   /readyz   200 "ready" when every role can do its work, else 503 with a line for each that
//   cannot:
//             "not ready: store: PostgreSQL was not reached yet"
//   /metrics  its own metrics, Prometheus text format 0.0.4; for keys with the scope admin
// What the checks refer to must outlive Stop().
class SelfRoutes {
 public:
  // `open_metrics`: /metrics needs no key; they tell nothing of any tenant's data, but how much
  // there is of it.
  SelfRoutes(shared::metrics::Registry& registry, std::vector<ReadyCheck> checks,
             bool open_metrics = false);

  // The server must outlive this.
  void AddTo(http::Server& server);
  void Stop() { pool_.Stop(); }

 private:
  [[nodiscard]] http::Response Readiness() const;
  [[nodiscard]] http::Response Metrics(const http::Server& server);
  void UpdateTls(const http::ServerStatistics& statistics);

  shared::metrics::Registry& registry_;
  const std::vector<ReadyCheck> checks_;
  const bool open_metrics_;
  QueryPool pool_;  // of its own: who asks whether we are ready must not wait behind questions
};

}  // namespace collector::api
