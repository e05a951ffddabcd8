#pragma once

#include <cstdint>
#include <vector>

#include "collector/storage/read_pool.h"
#include "collector/storage/sample_question.h"

// Which blocks no chunk has, as pgvigil.uncompacted_windows says it, for readers.
namespace collector::storage {

// Ten minutes of a host's blocks.
struct BlockWindow {
  int32_t host_id = 0;
  shared::WallTime start;
};

// Asks for windows of the question's hosts with blocks that begin in `begins` (rounded to whole
// windows) and are in no chunk.
ReadStatement UncompactedStatement(const api::TimeRange& begins, const SampleQuestion& question);
std::vector<BlockWindow> ToUncompacted(const shared::postgres::Rows& rows);

}  // namespace collector::storage
