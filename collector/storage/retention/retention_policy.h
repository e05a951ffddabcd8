#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "collector/storage/retention/stored_partition.h"

// What has to go, as arithmetic over the list of partitions. Pure.
namespace collector::storage {

struct RetentionPolicy {
  // By table: a partition goes when all of it is older. A table that is not named is kept for ever.
  std::map<std::string, std::chrono::hours> keep;
  uint64_t size_bytes = 0;  // of all partitions together; 0: no bound
  // Tables whose partitions go for the sake of room, before all others; for they are what is large.
  std::vector<std::string> large;
  // What ended less than so long ago never goes for the sake of room.
  std::chrono::hours spared{24};
};

enum class DropReason { kExpired, kSize, kDisk };
std::string_view ReasonName(DropReason reason);  // "expired", "size", "disk"

struct PartitionDrop {
  StoredPartition partition;
  DropReason reason = DropReason::kExpired;
  friend bool operator==(const PartitionDrop&, const PartitionDrop&) = default;
};

// In the order in which to drop: what was begun (detached or detaching, and expired), then what is
// expired, oldest first; then, until the rest fits into size_bytes and `disk_bytes` more are free,
// the oldest partitions of `large` tables, then of the others.
std::vector<PartitionDrop> DecideDrops(std::span<const StoredPartition> partitions,
                                       const RetentionPolicy& policy, shared::WallTime now,
                                       uint64_t disk_bytes);

}  // namespace collector::storage
