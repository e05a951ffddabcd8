#pragma once

#include <vector>

#include "collector/storage/partition.h"
#include "collector/storage/read_pool.h"

namespace collector::storage {

// When the partitions of a table that can hold times of `range` begin, ascending: readers walk over
// what exists instead of over time.
shared::Result<std::vector<shared::WallTime>> ReadPartitionStarts(ReadSession& session,
                                                                  const PartitionedTable& table,
                                                                  const api::TimeRange& range);

// All of them, for who has no read session.
shared::Result<std::vector<shared::WallTime>> ReadPartitionStarts(
    shared::postgres::Connection& connection, const PartitionedTable& table);

}  // namespace collector::storage
