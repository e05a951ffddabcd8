#pragma once

#include <chrono>
#include <vector>

#include "collector/storage/read_pool.h"

namespace collector::storage {

struct SampleLimits {
  size_t series = 0;
  size_t samples = 0;
  std::chrono::nanoseconds block_span;  // StoreLimits::block_span
};

// The samples of the series that match, as telemetry_reader.h says: from L0 blocks, decoded here.
// Of two samples of one instant the one whose block begins first wins.
shared::Result<std::vector<api::SeriesSamples>> ReadSamples(ReadSession& session,
                                                            access::TenantId tenant,
                                                            const api::SeriesSelector& selector,
                                                            const api::TimeRange& range,
                                                            const SampleLimits& limits);

}  // namespace collector::storage
