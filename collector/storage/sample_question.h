#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "collector/storage/read_pool.h"
#include "collector/storage/sample_merge.h"

namespace collector::storage {

struct SampleLimits {
  size_t series = 0;
  size_t samples = 0;
  std::chrono::nanoseconds block_span{};  // StoreLimits::block_span
};

// A question for samples while it is answered: what is wanted, and what was found so far. Each tier
// adds to `found` what it holds (newest_samples.h, block_samples.h, chunk_samples.h).
struct SampleQuestion {
  struct Wanted {
    int64_t series_id = 0;
    size_t answer = 0;  // index in `found`
  };

  ReadSession& session;
  SampleLimits limits;
  std::map<int32_t, std::vector<Wanted>> hosts;  // by series.host_id
  size_t series = 0;
  SampleMerge found{0};

  // For loops that decode: kTimeout, or kResourceExhausted when there are too many samples.
  [[nodiscard]] shared::Result<void> Check() const;
};

}  // namespace collector::storage
