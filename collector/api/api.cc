#include "collector/api/api.h"

#include <memory>
#include <utility>

#include "collector/api/questions.h"

namespace collector::api {
namespace {

using shared::ErrorCode;

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kMalformed:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kResourceExhausted:
      return 422;  // the question is too large: narrow it
    case ErrorCode::kTimeout:
      return 503;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      return 503;
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

http::Response ErrorOf(const shared::Error& error) {
  const int status = StatusOf(error.code);
  return http::ErrorResponse(status, shared::CodeName(error.code), error.message,
                             status == 503 ? 1 : -1);
}

}  // namespace

Api::Api(TelemetryReader& reader, const shared::Clock& clock, shared::metrics::Registry& registry,
         ApiOptions options, access::Quotas* quotas)
    : reader_(reader),
      clock_(clock),
      registry_(registry),
      options_(options),
      quotas_(quotas),
      busy_(RefusedCounter("busy")),
      timeout_(RefusedCounter("timeout")),
      too_large_(RefusedCounter("too_large")),
      pool_(options.threads, options.waiting) {}

void Api::AddQuestion(http::Server& server, std::string_view pattern, Question question,
                      access::Scope scope) {
  const auto latency = registry_.AddLatencyHistogram("collector_query_duration_seconds",
                                                     "Time to answer a question, waiting included",
                                                     {{"path", std::string(pattern)}});
  auto shared_question = std::make_shared<const Question>(std::move(question));
  server.Route(
      "GET", pattern, scope,
      [this, shared_question, latency, scope](http::Request request, http::Responder respond) {
        const shared::MonotonicTime begin = clock_.Monotonic();
        std::shared_ptr<access::Quotas::Place> place;  // among the caller's queries
        if (quotas_ != nullptr && scope != access::Scope::kAdmin) {
          auto begun = quotas_->BeginQuery(request.caller);
          if (!begun) {
            return respond(http::ErrorResponse(429, "resource_exhausted", begun.error().message,
                                               begun.error().retry_after_seconds));
          }
          place = std::move(*begun);
        }
        auto asked = std::make_shared<const http::Request>(std::move(request));
        const bool taken =
            pool_.TryRun([this, shared_question, latency, asked, respond, begin, place]() mutable {
              http::Response response = Ask(*shared_question, *asked, begin + options_.timeout);
              // Before the answer goes: he may ask again as soon as he has it.
              if (place) place->Leave();
              respond(std::move(response));
              latency.Observe(std::chrono::duration<double>(clock_.Monotonic() - begin).count());
            });
        if (!taken) {
          busy_.Increment();
          respond(
              http::ErrorResponse(503, "unavailable", "too many questions wait for an answer", 1));
        }
      });
}

shared::metrics::Counter Api::RefusedCounter(const char* reason) {
  return registry_.AddCounter("collector_query_refused_total",
                              "Questions that were not answered, by reason", {{"reason", reason}});
}

http::Response Api::Ask(const Question& question, const http::Request& request,
                        shared::MonotonicTime deadline) {
  if (clock_.Monotonic() >= deadline) {
    timeout_.Increment();
    return http::ErrorResponse(503, "timeout", "the question waited too long for a free thread", 1);
  }
  Parameters parameters(request, clock_.Now());
  const QueryContext context{request.caller.tenant, deadline};
  shared::Result<std::string> document = question(context, parameters, request);
  if (!document) {
    if (document.error().code == ErrorCode::kResourceExhausted) too_large_.Increment();
    if (document.error().code == ErrorCode::kTimeout) timeout_.Increment();
    return ErrorOf(document.error());
  }
  http::Response response;
  response.body = std::move(*document);
  response.body.push_back('\n');
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void Api::AddRoutes(http::Server& server) {
  AddQuestion(server, "/api/pgvigil/v1/hosts",
              [this](const auto& context, auto& parameters, auto&) {
                return AskHosts(reader_, context, parameters, options_);
              });
  AddQuestion(server, "/api/pgvigil/v1/agents",
              [this](const auto& context, auto& parameters, auto&) {
                return AskAgents(reader_, context, parameters, options_, clock_.Now());
              });
  AddQuestion(server, "/api/pgvigil/v1/series",
              [this](const auto& context, auto& parameters, auto&) {
                return AskSeries(reader_, context, parameters, options_);
              });
  AddQuestion(server, "/api/pgvigil/v1/labels",
              [this](const auto& context, auto& parameters, auto&) {
                return AskLabels(reader_, context, parameters, options_);
              });
  AddQuestion(server, "/api/pgvigil/v1/labels/{name}/values",
              [this](const auto& context, auto& parameters, const auto& request) {
                return AskLabelValues(reader_, context, parameters, options_,
                                      request.path_parameters.at("name"));
              });
  AddQuestion(server, "/api/pgvigil/v1/cardinality",
              [this](const auto& context, auto& parameters, auto&) {
                return AskCardinality(reader_, context, parameters, options_);
              });
  AddQuestion(server, "/api/pgvigil/v1/samples",
              [this](const auto& context, auto& parameters, auto&) {
                return AskSamples(reader_, context, parameters, options_);
              });
  AddQuestion(server, "/api/pgvigil/v1/statements",
              [this](const auto& context, auto& parameters, auto&) {
                return AskStatements(reader_, context, parameters, options_);
              });
  AddQuestion(server, "/api/pgvigil/v1/statements/{queryid}",
              [this](const auto& context, auto& parameters, const auto& request) {
                return AskStatementHistory(reader_, context, parameters,
                                           request.path_parameters.at("queryid"));
              });
  AddQuestion(
      server, "/api/pgvigil/v1/kafka",
      [this](const auto& context, auto& parameters, auto&) {
        return AskKafka(reader_, context, parameters);
      },
      access::Scope::kAdmin);
  AddQuestion(
      server, "/api/pgvigil/v1/dead-letters",
      [this](const auto& context, auto& parameters, auto&) {
        return AskDeadLetters(reader_, context, parameters, options_);
      },
      access::Scope::kAdmin);
  AddQuestion(server, "/api/pgvigil/v1/logs", [this](const auto& context, auto& parameters, auto&) {
    return AskLogs(reader_, context, parameters, options_);
  });
  AddQuestion(server, "/api/pgvigil/v1/log-patterns",
              [this](const auto& context, auto& parameters, auto&) {
                return AskLogPatterns(reader_, context, parameters, options_);
              });
}

}  // namespace collector::api
