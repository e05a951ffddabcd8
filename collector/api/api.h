#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "collector/access/quotas.h"
#include "collector/api/parameters.h"
#include "collector/api/query_pool.h"
#include "collector/api/telemetry_reader.h"
#include "collector/http/server.h"
#include "shared/base/clock.h"
#include "shared/metrics/registry.h"

namespace collector::api {

struct ApiOptions {
  std::chrono::milliseconds timeout{10'000};  // of one question, waiting for a thread included
  size_t threads = 4;
  size_t waiting = 64;        // questions that may wait for a thread
  size_t max_rows = 10'000;   // highest `limit` of hosts, agents, series, logs
  size_t max_series = 1'000;  // of one samples question
  size_t max_samples = 1'000'000;
};

// The query API: GET /api/pgvigil/v1/…; the documents are described in collector/api/README.md. All
// that is answered is of the caller's tenant. Keys need the scope query; what is about the
// collector itself (Kafka, dead letters) needs admin. Arguments must outlive it; Stop before they
// go.
class Api {
 public:
  // `quotas`: of queries under way; null: none.
  Api(TelemetryReader& reader, const shared::Clock& clock, shared::metrics::Registry& registry,
      ApiOptions options, access::Quotas* quotas = nullptr);

  // Adds its routes to a server that has not started.
  void AddRoutes(http::Server& server);
  void Stop() { pool_.Stop(); }

 private:
  // Answers one question, given checked parameters: a JSON document.
  using Question = std::function<shared::Result<std::string>(const QueryContext&, Parameters&,
                                                             const http::Request&)>;
  void AddQuestion(http::Server& server, std::string_view pattern, Question question,
                   access::Scope scope = access::Scope::kQuery);
  shared::metrics::Counter RefusedCounter(const char* reason);
  http::Response Ask(const Question& question, const http::Request& request,
                     shared::MonotonicTime deadline);

  TelemetryReader& reader_;
  const shared::Clock& clock_;
  shared::metrics::Registry& registry_;
  const ApiOptions options_;
  access::Quotas* const quotas_;
  const shared::metrics::Counter busy_;       // too many wait already
  const shared::metrics::Counter timeout_;    // [query] timeout
  const shared::metrics::Counter too_large_;  // [query] max_samples, or too many series
  QueryPool pool_;
};

}  // namespace collector::api
