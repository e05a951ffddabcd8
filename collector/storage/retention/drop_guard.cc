#include "collector/storage/retention/drop_guard.h"

#include "collector/storage/compaction/compaction_state.h"
#include "collector/storage/partition.h"
#include "collector/storage/rollups/rollups.h"

namespace collector::storage {

shared::Result<bool> IsSafeToDrop(shared::postgres::Connection& connection,
                                  const StoredPartition& partition) {
  const bool detached = partition.state == StoredPartition::State::kDetached;
  if (partition.table == kBlockTable.name) {
    if (detached) return IsTableCompacted(connection, partition.name);
    return IsCompacted(connection, partition.from, partition.to);
  }
  if (partition.table == kChunkMinutesTable.name) {
    if (detached) return IsTableEmpty(connection, partition.name);
    return IsMerged(connection, partition.from, partition.to);
  }
  if (partition.table == kChunkHoursTable.name && !detached) {
    return IsRolledUp(connection, partition.from, partition.to);
  }
  return true;
}

}  // namespace collector::storage
