#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// A partition as it stands in the database.
struct StoredPartition {
  enum class State {
    kAttached,
    kDetaching,  // DETACH CONCURRENTLY was cut short: it wants FINALIZE
    kDetached,   // on its way out: detached, not dropped yet
  };
  std::string table;  // "log_block"
  std::string name;   // "log_block_20261121"
  shared::WallTime from;
  shared::WallTime to;
  int64_t bytes = 0;  // with indexes and TOAST
  bool frozen = false;
  State state = State::kAttached;
  friend bool operator==(const StoredPartition&, const StoredPartition&) = default;
};

// All partitions of the schema, by table and time. The times of attached ones are their bounds,
// those of detached ones are read from the name; a table of another name is none of ours.
shared::Result<std::vector<StoredPartition>> ReadStoredPartitions(
    shared::postgres::Connection& connection);

}  // namespace collector::storage
