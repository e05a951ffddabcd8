#include "collector/storage/retention/retention_policy.h"

#include <algorithm>

namespace collector::storage {
namespace {

bool IsExpired(const StoredPartition& partition, const RetentionPolicy& policy,
               shared::WallTime now) {
  const auto keep = policy.keep.find(partition.table);
  return keep != policy.keep.end() && partition.to <= now - keep->second;
}

uint64_t BytesOf(const StoredPartition& partition) {
  return partition.bytes > 0 ? static_cast<uint64_t>(partition.bytes) : 0;
}

}  // namespace

std::string_view ReasonName(DropReason reason) {
  switch (reason) {
    case DropReason::kExpired:
      return "expired";
    case DropReason::kSize:
      return "size";
    case DropReason::kDisk:
      return "disk";
  }
  return "";
}

std::vector<PartitionDrop> DecideDrops(std::span<const StoredPartition> partitions,
                                       const RetentionPolicy& policy, shared::WallTime now,
                                       uint64_t disk_bytes) {
  std::vector<PartitionDrop> drops;
  std::vector<const StoredPartition*> rest;
  uint64_t total = 0;
  for (const StoredPartition& partition : partitions) {
    if (IsExpired(partition, policy, now)) {
      drops.push_back({partition, DropReason::kExpired});
    } else {
      total += BytesOf(partition);
      if (partition.to <= now - policy.spared) rest.push_back(&partition);
    }
  }
  std::stable_sort(drops.begin(), drops.end(), [](const PartitionDrop& a, const PartitionDrop& b) {
    const bool a_begun = a.partition.state != StoredPartition::State::kAttached;
    const bool b_begun = b.partition.state != StoredPartition::State::kAttached;
    return a_begun != b_begun ? a_begun : a.partition.from < b.partition.from;
  });
  const auto is_large = [&](const StoredPartition* partition) {
    return std::find(policy.large.begin(), policy.large.end(), partition->table) !=
           policy.large.end();
  };
  std::stable_sort(rest.begin(), rest.end(),
                   [&](const StoredPartition* a, const StoredPartition* b) {
                     const bool a_large = is_large(a);
                     const bool b_large = is_large(b);
                     return a_large != b_large ? a_large : a->from < b->from;
                   });
  uint64_t freed = 0;
  for (const StoredPartition* partition : rest) {
    const bool too_large = policy.size_bytes > 0 && total - freed > policy.size_bytes;
    if (!too_large && freed >= disk_bytes) break;
    drops.push_back({*partition, too_large ? DropReason::kSize : DropReason::kDisk});
    freed += BytesOf(*partition);
  }
  return drops;
}

}  // namespace collector::storage
