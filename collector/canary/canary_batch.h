#pragma once

#include <string>

#include "collector/api/telemetry_reader.h"
#include "collector/ingest/batch_store.h"

namespace collector::canary {

inline constexpr const char* kMetric = "pgvigil.canary.sequence";
inline constexpr const char* kCollectorLabel = "collector";

// Who sends: every collector has a canary, all of a tenant share the host.
struct Sender {
  access::TenantId tenant;
  std::string host;       // host.name and host.id
  std::string collector;  // label of the series; the agent's id is made of it
  uint64_t incarnation = 0;
};

// One sample as an agent would send it, with its layout, so that nobody has to ask for that.
ingest::AcceptedBatch MakeBatch(const Sender& sender, uint64_t sequence,
                                const api::SampleRow& sample);

}  // namespace collector::canary
