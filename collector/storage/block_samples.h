#pragma once

#include "collector/storage/layout_index.h"
#include "collector/storage/sample_question.h"

namespace collector::storage {

// Adds what L0 in PostgreSQL holds of the wanted series in `range` and chunks do not: the blocks of
// windows that are not compacted, or were before some of their blocks came. Blocks are fetched and
// decoded whole. Must be asked before chunks are read: what is compacted in between is then read
// twice, not missed.
shared::Result<void> AddBlockSamples(const api::TimeRange& range, LayoutIndexes& layouts,
                                     SampleQuestion& question);

}  // namespace collector::storage
