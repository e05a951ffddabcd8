#include "collector/storage/retention/freezer.h"

#include <fmt/format.h>

#include "collector/storage/retention/stored_partition.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;

constexpr std::chrono::minutes kInterval{10};

// VACUUM may take its time; everything else keeps its limits.
Result<void> Vacuum(Connection& connection, const std::string& name) {
  connection.SetDeadline(std::chrono::hours(1));
  RETURN_IF_ERROR(connection.Execute("SET statement_timeout = 0"));
  Result<void> done = connection.Execute(fmt::format("VACUUM (FREEZE, ANALYZE) pgvigil.{}", name));
  if (connection.IsOpen()) {
    (void)connection.Execute("SET statement_timeout = '60s'");
    connection.SetDeadline(std::chrono::seconds(90));
  }
  if (!done) {
    return tl::make_unexpected(std::move(done).error().With(fmt::format("freeze {}", name)));
  }
  return {};
}

}  // namespace

Freezer::Freezer(shared::metrics::Registry& registry, std::chrono::hours settle)
    : settle_(settle),
      frozen_(registry.AddCounter("collector_partitions_frozen_total",
                                  "Closed partitions that were vacuumed and frozen")) {}

Result<std::chrono::milliseconds> Freezer::Run(Connection& connection, shared::WallTime now,
                                               std::stop_token) {
  ASSIGN_OR_RETURN(const std::vector<StoredPartition> partitions, ReadStoredPartitions(connection));
  for (const StoredPartition& partition : partitions) {
    const bool daily = partition.to - partition.from >= std::chrono::days(1);
    if (!daily || partition.frozen || partition.state != StoredPartition::State::kAttached ||
        partition.to > now - settle_) {
      continue;
    }
    RETURN_IF_ERROR(Vacuum(connection, partition.name));
    RETURN_IF_ERROR(
        connection.Query("INSERT INTO pgvigil.partition_state (name, frozen_at)"
                         " VALUES ($1, now()) ON CONFLICT (name)"
                         " DO UPDATE SET frozen_at = now()",
                         {partition.name}));
    frozen_.Increment();
    return std::chrono::milliseconds(0);
  }
  return kInterval;
}

}  // namespace collector::storage
