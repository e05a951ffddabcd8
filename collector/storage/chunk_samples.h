#pragma once

#include "collector/storage/sample_question.h"

namespace collector::storage {

// Adds what chunks hold of the wanted series in `range`. Fetches the chunks of their families and
// decodes only the groups that have them.
shared::Result<void> AddChunkSamples(const api::TimeRange& range, SampleQuestion& question);

}  // namespace collector::storage
