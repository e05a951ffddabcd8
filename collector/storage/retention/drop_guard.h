#pragma once

#include "collector/storage/retention/stored_partition.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Whether what a partition holds is safe elsewhere: blocks in chunks, chunks of ten minutes in
// those of the hour, those in rollups; all other tables' always is. Of a detached partition the
// table itself is looked at, so that the answer is the last word: nothing can be added to it.
shared::Result<bool> IsSafeToDrop(shared::postgres::Connection& connection,
                                  const StoredPartition& partition);

}  // namespace collector::storage
