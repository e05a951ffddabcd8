#pragma once

#include <cstdint>

// The advisory locks that collectors take, all in one place so that no two are the same. They are
// pg_advisory_lock(int8) keys; the high half spells "pgvg".
namespace collector::storage {

inline constexpr int64_t kMigrationLock = 0x7067'7667'0000'0001;    // who applies migrations
inline constexpr int64_t kPartitionLock = 0x7067'7667'0000'0002;    // who creates a partition
inline constexpr int64_t kUpkeepLock = 0x7067'7667'0000'0003;       // who makes partitions ahead
inline constexpr int64_t kMaintenanceLock = 0x7067'7667'0000'0004;  // who runs chores (session)
inline constexpr int64_t kCompactionLock = 0x7067'7667'0000'0005;  // who writes chunks and families
inline constexpr int64_t kRollupLock = 0x7067'7667'0000'0007;      // who writes rollups

// Statements by the hour: the chore exclusive, writers that come late shared (transaction).
inline constexpr int64_t kStatementHourLock = 0x7067'7667'0000'0006;

}  // namespace collector::storage
