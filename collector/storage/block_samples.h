#pragma once

#include <vector>

#include "collector/storage/layout_index.h"
#include "collector/storage/uncompacted.h"

namespace collector::storage {

// Which begins of blocks to ask uncompacted.h for, whose samples may be in `range`.
api::TimeRange BlockBegins(const api::TimeRange& range, const SampleQuestion& question);

// Adds what L0 in PostgreSQL holds of the wanted series in `range` and chunks do not: the blocks of
// windows that are not compacted, or were before some of their blocks came. Blocks are fetched and
// decoded whole. Chunks must be asked for after this: what is compacted in between is then read
// twice, not missed.
shared::Result<void> AddBlockSamples(const api::TimeRange& range,
                                     const std::vector<BlockWindow>& windows,
                                     LayoutIndexes& layouts, SampleQuestion& question);

}  // namespace collector::storage
