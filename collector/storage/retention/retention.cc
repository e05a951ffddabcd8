#include "collector/storage/retention/retention.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "collector/storage/partition.h"
#include "shared/log/log.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;

// A run ends after so many, so that the other chores have their turn.
constexpr size_t kDropsOfOneRun = 16;

}  // namespace

Retention::Retention(RetentionOptions options, Guard may_drop, shared::metrics::Registry& registry)
    : options_(std::move(options)), may_drop_(std::move(may_drop)), registry_(registry) {}

Result<uint64_t> Retention::MissingOnDisk() const {
  if (options_.disk_path.empty() || options_.min_free_bytes == 0) return 0;
  struct statvfs disk {};
  if (statvfs(options_.disk_path.c_str(), &disk) != 0) {
    return Fail(ErrorCode::kUnavailable, "statvfs {}: {}", options_.disk_path,
                std::strerror(errno));
  }
  const uint64_t free = uint64_t{disk.f_bavail} * disk.f_frsize;
  return free >= options_.min_free_bytes ? 0 : options_.min_free_bytes - free;
}

Result<std::chrono::milliseconds> Retention::Run(Connection& connection, shared::WallTime now,
                                                 std::stop_token stop) {
  ASSIGN_OR_RETURN(const std::vector<StoredPartition> partitions, ReadStoredPartitions(connection));
  CountBytes(partitions);
  ASSIGN_OR_RETURN(const uint64_t missing, MissingOnDisk());
  size_t dropped = 0;
  for (const PartitionDrop& drop : DecideDrops(partitions, options_.policy, now, missing)) {
    if (stop.stop_requested()) break;
    if (dropped == kDropsOfOneRun) return std::chrono::milliseconds(0);
    if (drop.reason == DropReason::kExpired &&
        drop.partition.state == StoredPartition::State::kAttached) {
      ASSIGN_OR_RETURN(const bool may, may_drop_(connection, drop.partition));
      if (!may) continue;
    }
    if (Result<void> done = Drop(connection, drop); !done) {
      return tl::make_unexpected(
          std::move(done).error().With(fmt::format("drop partition {}", drop.partition.name)));
    }
    dropped += 1;
  }
  return options_.interval;
}

Result<void> Retention::Detach(Connection& connection, StoredPartition& partition) {
  const char* const how =
      partition.state == StoredPartition::State::kDetaching ? "FINALIZE" : "CONCURRENTLY";
  if (partition.state != StoredPartition::State::kDetached) {
    RETURN_IF_ERROR(
        connection.Execute(fmt::format("ALTER TABLE pgvigil.{} DETACH PARTITION pgvigil.{} {}",
                                       partition.table, partition.name, how)));
  }
  partition.state = StoredPartition::State::kDetached;
  return {};
}

Result<void> Retention::AttachAgain(Connection& connection, const StoredPartition& partition) {
  RETURN_IF_ERROR(connection.Execute(
      AttachPartitionSql({partition.table, partition.name, partition.from, partition.to})));
  registry_
      .AddCounter("collector_partitions_attached_again_total",
                  "Partitions that got data while retention detached them",
                  {{"table", partition.table}})
      .Increment();
  shared::log::Info("retention: {} got data at the last moment and stays for now", partition.name);
  return {};
}

Result<void> Retention::Drop(Connection& connection, PartitionDrop drop) {
  StoredPartition& partition = drop.partition;
  RETURN_IF_ERROR(Detach(connection, partition));
  if (drop.reason == DropReason::kExpired) {
    ASSIGN_OR_RETURN(const bool may, may_drop_(connection, partition));
    if (!may) return AttachAgain(connection, partition);
  }
  RETURN_IF_ERROR(connection.Execute(fmt::format("DROP TABLE pgvigil.{}", partition.name)));
  RETURN_IF_ERROR(
      connection.Query("DELETE FROM pgvigil.partition_state WHERE name = $1", {partition.name}));
  registry_
      .AddCounter("collector_partitions_dropped_total", "Partitions that retention dropped",
                  {{"table", partition.table}, {"reason", std::string(ReasonName(drop.reason))}})
      .Increment();
  const std::string line = fmt::format("retention: dropped {} ({} bytes, {})", partition.name,
                                       partition.bytes, ReasonName(drop.reason));
  if (drop.reason == DropReason::kExpired) {
    shared::log::Info("{}", line);
  } else {
    shared::log::Warn("{}: room is short, data went before its time", line);
  }
  return {};
}

void Retention::CountBytes(std::span<const StoredPartition> partitions) {
  std::map<std::string, int64_t> by_table;
  for (const StoredPartition& partition : partitions) by_table[partition.table] += partition.bytes;
  for (const auto& [table, bytes] : by_table) {
    registry_
        .AddGauge("collector_storage_bytes", "Size of a table's partitions, indexes and TOAST too",
                  {{"table", table}})
        .Set(static_cast<double>(bytes));
  }
}

}  // namespace collector::storage
