#include "collector/ingest/batch_handler.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "collector/ingest/batch_decode.h"

namespace collector::ingest {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

constexpr std::string_view kContentType = "application/x-protobuf";
constexpr int kRetryAfterSeconds = 2;

// "application/x-protobuf; charset=x" → "application/x-protobuf".
std::string_view MediaType(std::string_view header) {
  header = header.substr(0, header.find(';'));
  while (header.ends_with(' ')) header.remove_suffix(1);
  return header;
}

// The refusal of a request whose headers promise another kind of body; 0 status: none.
http::Response CheckHeaders(const http::Request& request) {
  const std::string* type = request.Header("content-type");
  if (type == nullptr || MediaType(*type) != kContentType) {
    return http::ErrorResponse(415, "invalid_input",
                               fmt::format("Content-Type: '{}', expected '{}'",
                                           type == nullptr ? "" : *type, kContentType));
  }
  const std::string* encoding = request.Header("content-encoding");
  if (encoding == nullptr || *encoding != "zstd") {
    return http::ErrorResponse(415, "invalid_input",
                               fmt::format("Content-Encoding: '{}', expected 'zstd'",
                                           encoding == nullptr ? "" : *encoding));
  }
  http::Response none;
  none.status = 0;
  return none;
}

http::Response DecodeErrorResponse(const shared::Error& error) {
  const int status = error.code == ErrorCode::kResourceExhausted ? 413 : 400;
  return http::ErrorResponse(status, shared::CodeName(error.code), error.message);
}

http::Response StoreErrorResponse(const shared::Error& error) {
  const std::string_view code = shared::CodeName(error.code);
  if (error.code == ErrorCode::kResourceExhausted) {
    return http::ErrorResponse(429, code, error.message, kRetryAfterSeconds);
  }
  if (shared::IsRetryable(error.code) || error.code == ErrorCode::kCancelled) {
    return http::ErrorResponse(503, code, error.message, kRetryAfterSeconds);
  }
  if (error.code == ErrorCode::kInternal) return http::ErrorResponse(500, code, error.message);
  return http::ErrorResponse(400, code, error.message);
}

access::Cost CostOf(const pgvigil::v1::Batch& batch) {
  access::Cost cost;
  for (const auto& block : batch.blocks()) {
    cost.samples += uint64_t{block.ticks()} * uint64_t{block.series()};
  }
  for (const auto& interval : batch.statements()) {
    cost.samples += static_cast<uint64_t>(interval.deltas_size());
  }
  for (const auto& chunk : batch.logs()) cost.lines += static_cast<uint64_t>(chunk.records_size());
  return cost;
}

// Whether the batch need not come again.
bool IsStored(const Result<pgvigil::v1::BatchReply>& reply, uint64_t sequence) {
  return reply && reply->acknowledged_sequence() >= sequence;
}

http::Response ReplyResponse(const pgvigil::v1::BatchReply& reply) {
  http::Response response;
  response.content_type = std::string(kContentType);
  response.body = reply.SerializeAsString();
  return response;
}

}  // namespace

BatchHandler::BatchHandler(BatchStore& store, const shared::Clock& clock,
                           shared::metrics::Registry& registry, BatchHandlerOptions options,
                           access::Quotas* quotas)
    : store_(store), clock_(clock), registry_(registry), options_(options), quotas_(quotas) {
  constexpr std::pair<int, const char*> kStreams[] = {
      {pgvigil::v1::STREAM_METRICS, "metrics"},
      {pgvigil::v1::STREAM_LOGS, "logs"},
      {pgvigil::v1::STREAM_STATEMENTS, "statements"}};
  for (const auto& [stream, name] : kStreams) {
    const shared::metrics::LabelMap labels{{"stream", name}};
    by_stream_.emplace(
        stream,
        StreamCounters{registry.AddCounter("collector_ingest_batches_total",
                                           "Batches that passed the checks of ingest", labels),
                       registry.AddCounter("collector_ingest_body_bytes_total",
                                           "Bytes of their bodies as they came", labels),
                       registry.AddCounter("collector_ingest_decompressed_bytes_total",
                                           "Bytes of their bodies, decompressed", labels)});
  }
}

Result<AcceptedBatch> BatchHandler::Accept(const http::Request& request) {
  AcceptedBatch accepted;
  accepted.tenant = request.caller.tenant;
  ASSIGN_OR_RETURN(accepted.batch, DecodeBatch(request.body, options_.decompress));
  accepted.cost_bytes = accepted.batch.ByteSizeLong();
  ASSIGN_OR_RETURN(accepted.refusals, CheckBatch(accepted.batch, options_.limits, clock_.Now()));
  return accepted;
}

void BatchHandler::Count(const AcceptedBatch& accepted, size_t body_bytes) {
  const StreamCounters& counters =
      by_stream_.at(accepted.batch.stream());  // CheckBatch let it pass
  counters.batches.Increment();
  counters.body_bytes.Increment(static_cast<double>(body_bytes));
  counters.decompressed_bytes.Increment(static_cast<double>(accepted.cost_bytes));
  for (const pgvigil::v1::Refusal& refusal : accepted.refusals) {
    registry_
        .AddCounter("collector_ingest_refused_items_total",
                    "Samples, records and deltas that were left out of batches",
                    {{"reason", refusal.reason()}})
        .Increment(static_cast<double>(refusal.items()));
  }
}

void BatchHandler::Handle(http::Request request, http::Responder respond) {
  if (http::Response refusal = CheckHeaders(request); refusal.status != 0) {
    return respond(std::move(refusal));
  }
  if (quotas_ != nullptr) quotas_->PayBytes(request.caller, request.body.size());
  Result<AcceptedBatch> accepted = Accept(request);
  if (!accepted) {
    registry_
        .AddCounter("collector_ingest_refused_batches_total", "Batches refused whole",
                    {{"code", std::string(shared::CodeName(accepted.error().code))}})
        .Increment();
    return respond(DecodeErrorResponse(accepted.error()));
  }
  const access::Cost cost = CostOf(accepted->batch);
  if (quotas_ != nullptr) {
    if (const std::optional<access::Excess> excess = quotas_->Take(request.caller, cost)) {
      return respond(http::ErrorResponse(429, "resource_exhausted", excess->message,
                                         excess->retry_after_seconds));
    }
  }
  // What is not stored comes again, and is not paid for twice.
  const auto give_back = [quotas = quotas_, caller = request.caller, cost] {
    if (quotas != nullptr) quotas->GiveBack(caller, cost);
  };
  Count(*accepted, request.body.size());
  accepted->body = std::move(request.body);
  const bool queued =
      store_.Submit(*accepted, [respond, give_back, sequence = accepted->batch.sequence()](
                                   Result<pgvigil::v1::BatchReply> reply) {
        if (!IsStored(reply, sequence)) give_back();
        respond(reply ? ReplyResponse(*reply) : StoreErrorResponse(reply.error()));
      });
  if (!queued) {
    give_back();
    respond(
        http::ErrorResponse(503, "unavailable", "the store's queue is full", kRetryAfterSeconds));
  }
}

}  // namespace collector::ingest
