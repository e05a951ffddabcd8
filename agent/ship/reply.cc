#include "agent/ship/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "shared/text/utf8.h"

namespace agent::ship {
namespace {

using shared::http::Response;
using Kind = Verdict::Kind;

constexpr std::chrono::seconds kLongestRetryAfter{15 * 60};

// The collector's error document: {"error":{"code":…,"message":…}}.
bool IsErrorDocument(const Response& response) {
  return response.content_type.starts_with("application/json") &&
         response.body.starts_with("{\"error\":");
}

std::string Describe(const Response& response) {
  if (!IsErrorDocument(response)) return fmt::format("HTTP {}", response.status);
  return fmt::format("HTTP {}: {}", response.status,
                     shared::text::TruncateUtf8(shared::text::CleanUtf8(response.body), 300));
}

Verdict JudgeSuccess(const Response& response, pgvigil::v1::Stream stream,
                     const OutgoingBatch& batch) {
  Verdict verdict;
  pgvigil::v1::BatchReply reply;
  if (!response.content_type.starts_with("application/x-protobuf") ||
      !reply.ParseFromString(response.body) || reply.stream() != stream ||
      reply.incarnation() != batch.incarnation) {
    verdict.message = "HTTP 200, but not from a pgvigil collector";
    return verdict;
  }
  for (pgvigil::v1::Refusal& refusal : *reply.mutable_refusals()) {
    verdict.refusals.push_back(std::move(refusal));
  }
  if (reply.acknowledged_sequence() >= batch.sequence) {
    verdict.kind = Kind::kAcknowledged;
    verdict.acknowledged_sequence = reply.acknowledged_sequence();
  } else if (reply.missing_layouts_size() > 0) {
    verdict.kind = Kind::kMissingLayouts;
    verdict.missing_layouts.assign(reply.missing_layouts().begin(), reply.missing_layouts().end());
  } else {
    verdict.message = fmt::format("HTTP 200, but sequence {} was not acknowledged", batch.sequence);
  }
  return verdict;
}

Verdict Hold(const Response& response, std::string remedy) {
  Verdict verdict;
  verdict.kind = Kind::kHold;
  verdict.message = Describe(response);
  verdict.remedy = std::move(remedy);
  return verdict;
}

}  // namespace

Verdict Judge(const shared::Result<Response>& response, pgvigil::v1::Stream stream,
              const OutgoingBatch& batch) {
  Verdict verdict;
  if (!response) {
    verdict.message = response.error().message;
    return verdict;
  }
  verdict.message = Describe(*response);
  verdict.retry_after =
      std::clamp(response->retry_after, std::chrono::seconds(0), kLongestRetryAfter);
  switch (response->status) {
    case 200:
      return JudgeSuccess(*response, stream, batch);
    case 400:
    case 415:
    case 422:
      if (!IsErrorDocument(*response)) return verdict;
      verdict.kind = Kind::kSetAside;
      verdict.reason = fmt::format("http_{}", response->status);
      return verdict;
    case 413:  // also a proxy's word: it will say the same for ever
      verdict.kind = Kind::kSetAside;
      verdict.reason = "too_large";
      return verdict;
    case 401:
      return Hold(*response, "set collector.api_key_file to a key that the collector knows");
    case 403:
      return Hold(*response, "give the API key the scope 'ingest'");
    case 404:
      return Hold(*response, "set collector.url to the collector's address, without a path");
    case 429:  // of a quota or for want of room; nothing was stored
      verdict.remedy = "nothing: it is sent later; if it happens often, raise the limit it names";
      return verdict;
    default:
      return verdict;
  }
}

}  // namespace agent::ship
