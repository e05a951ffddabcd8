#pragma once

#include <span>
#include <vector>

#include "collector/storage/sample_question.h"

namespace collector::storage {

// The parts of `range` for which some of the question's hosts have samples that rollups do not know
// yet, or whose increases would change with them; ascending, apart from each other, whole hours but
// for the ends of the range. Everywhere else rollups say what samples say. The session must hold a
// snapshot, under which the rollups are read, too.
shared::Result<std::vector<api::TimeRange>> FindUnrolled(const api::TimeRange& range,
                                                         SampleQuestion& question);

}  // namespace collector::storage
