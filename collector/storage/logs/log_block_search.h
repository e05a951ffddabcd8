#pragma once

#include "collector/storage/logs/log_scope.h"
#include "collector/storage/read_pool.h"

namespace collector::storage {

// A page out of pgvigil.log_block and log_segment, whatever has been merged. Walks the days'
// partitions and, within a day, both tables by the end that comes first in the question's direction
// (log_directory.h); a record is given out once no later block can hold an earlier one. Keeps at
// most `limit` candidates and the blocks of one fetch, whatever matches. The session must hold a
// snapshot, for merging moves records from one table to the other.
shared::Result<api::LogPage> SearchLogBlocks(ReadSession& session, const LogScope& scope,
                                             const api::LogQuery& query);

}  // namespace collector::storage
