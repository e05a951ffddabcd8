#pragma once

#include <vector>

#include "collector/storage/sample_reader.h"

namespace collector::storage {

// Answers a question that has an aggregate: one value a step of each series, from rollups where
// they know all samples, from samples elsewhere. Which of them does not show: a step of whole hours
// is always put together from hours, those from five minutes, those from samples. kInvalidInput: a
// step that is no step, or the increase of what is no counter.
shared::Result<api::SampleAnswer> ReadAggregates(ReadSession& session,
                                                 const api::SampleQuery& query,
                                                 std::vector<api::SeriesRow> series,
                                                 const SampleMemory& memory,
                                                 const SampleLimits& limits);

}  // namespace collector::storage
