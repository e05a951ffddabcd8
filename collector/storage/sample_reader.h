#pragma once

#include <vector>

#include "collector/storage/layout_index.h"
#include "collector/storage/newest/follower.h"
#include "collector/storage/sample_question.h"

namespace collector::storage {

// Beside PostgreSQL, what a reader of samples has in memory. Both must outlive it.
struct SampleMemory {
  LayoutIndexes& layouts;
  newest::Follower* newest = nullptr;  // may be null: all comes from PostgreSQL
};

// The samples of the series that match, as telemetry_reader.h says, from all tiers together:
//
//   from                          newest.from                     to
//   | chunks, and blocks that no   | the newest minutes, as of now |
//   | chunk has yet (PostgreSQL)   | (memory)                      |
//
// A sample may be in several of them and is given once; sample_merge.h tells which of two that
// disagree counts. So an answer does not depend on how far compaction is, nor on memory.
shared::Result<api::SampleAnswer> ReadSamples(ReadSession& session, access::TenantId tenant,
                                              const api::SampleQuery& query,
                                              const SampleMemory& memory,
                                              const SampleLimits& limits);

}  // namespace collector::storage
