#pragma once

#include <vector>

#include "collector/storage/family_index.h"
#include "collector/storage/layout_index.h"
#include "collector/storage/newest/follower.h"
#include "collector/storage/sample_question.h"

namespace collector::storage {

// Beside PostgreSQL, what a reader of samples has in memory. All must outlive it.
struct SampleMemory {
  LayoutIndexes& layouts;
  FamilyIndex& families;
  newest::Follower* newest = nullptr;  // may be null: all comes from PostgreSQL
};

// The samples of the series that match, or an aggregate of them (rollups/aggregate_reader.h), as
// telemetry_reader.h says, from all tiers together:
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

// Adds the samples of the question's series in `range` to what it found, from all tiers.
shared::Result<void> AddSamples(const api::TimeRange& range, const SampleMemory& memory,
                                SampleQuestion& question);

}  // namespace collector::storage
