#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/ship/outbox.h"
#include "shared/base/result.h"
#include "shared/http/client.h"

namespace agent::ship {

// What to do with a batch after an attempt to deliver it.
struct Verdict {
  enum class Kind {
    kAcknowledged,    // durable at the collector
    kMissingLayouts,  // once more, with `missing_layouts` in front
    kSetAside,        // the collector will never take it
    kHold,            // nothing will be taken until a person acts: the key, the URL
    kLater,           // the collector is away, or is not what answered
  };
  Kind kind = Kind::kLater;
  uint64_t acknowledged_sequence = 0;
  std::vector<std::string> missing_layouts;    // 16 bytes each
  std::vector<pgvigil::v1::Refusal> refusals;  // parts that were left out
  std::string reason;                          // kSetAside: "http_400"
  std::string message;                         // what happened, for people
  std::string remedy;                          // kHold, or of a quota: what helps
  std::chrono::seconds retry_after{0};         // as the collector asked, at most 15 minutes
};

// Only the collector's own words count as success or as a verdict for ever: a 200 or a 400 of a
// captive portal or of some other server is "later", and so is a reply that acknowledges less than
// was sent.
Verdict Judge(const shared::Result<shared::http::Response>& response, pgvigil::v1::Stream stream,
              const OutgoingBatch& batch);

}  // namespace agent::ship
