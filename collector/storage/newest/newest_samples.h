#pragma once

#include "collector/storage/newest/newest_blocks.h"
#include "collector/storage/sample_question.h"

namespace collector::storage::newest {

// Adds what the newest minutes hold of the wanted series in from <= t < to. Reads only their
// columns.
shared::Result<void> AddNewestSamples(const NewestBlocks::Found& newest, shared::WallTime to,
                                      SampleQuestion& question);

}  // namespace collector::storage::newest
