#pragma once

#include <set>
#include <string>
#include <vector>

#include "collector/storage/partition.h"
#include "shared/base/result.h"
#include "shared/concurrency/guarded.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Knows which partitions exist and makes those that are missing. There is no default partition, on
// purpose: one that holds rows blocks the making of the right partition. Dropping old ones
// (retention) is not its business yet. Thread-safe; each caller brings its own connection, outside
// a transaction.
class PartitionKeeper {
 public:
  // Makes those of `wanted` that are missing, each in a transaction of its own, under an advisory
  // lock (two collectors) and with lock_timeout 2 s. kTimeout: somebody holds the table, later
  // succeeds. kUnavailable: a table of that name stands there detached.
  shared::Result<void> Ensure(shared::postgres::Connection& connection,
                              const std::set<Partition>& wanted);

  // Makes the current ones and those ahead: 6 hours, `days` days, a month.
  shared::Result<void> CreateAhead(shared::postgres::Connection& connection, shared::WallTime now,
                                   int days);

  // Reads from the server what exists: at connect, and when a partition turns out to be gone.
  shared::Result<void> Reload(shared::postgres::Connection& connection);

 private:
  shared::Guarded<std::set<std::string>> known_;  // names of attached partitions
};

}  // namespace collector::storage
