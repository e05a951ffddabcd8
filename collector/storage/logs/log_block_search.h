#pragma once

#include "collector/storage/logs/log_scope.h"
#include "collector/storage/read_pool.h"

namespace collector::storage {

// A page out of pgvigil.log_block. Walks the days' partitions and, within a day, the blocks by the
// end that comes first in the question's direction; a record is given out once no later block can
// hold an earlier one. Keeps at most `limit` candidates, whatever matches.
shared::Result<api::LogPage> SearchLogBlocks(ReadSession& session, const LogScope& scope,
                                             const api::LogQuery& query);

}  // namespace collector::storage
