#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/clock.h"

// Which partition a time belongs to, by arithmetic alone. Pure.
namespace collector::storage {

enum class PartitionStep { kHour, kDay, kMonth };

// A table of the schema that is partitioned by range of a timestamptz.
struct PartitionedTable {
  std::string_view name;
  PartitionStep step;
};

inline constexpr PartitionedTable kBlockTable{"block", PartitionStep::kHour};
inline constexpr PartitionedTable kStatementIntervalTable{"statement_interval",
                                                          PartitionStep::kDay};
inline constexpr PartitionedTable kStatementDeltaTable{"statement_delta", PartitionStep::kDay};
inline constexpr PartitionedTable kStatementHourTable{"statement_hour", PartitionStep::kDay};
inline constexpr PartitionedTable kLogBlockTable{"log_block", PartitionStep::kDay};
inline constexpr PartitionedTable kLogEventTable{"log_event", PartitionStep::kDay};
inline constexpr PartitionedTable kChunkMinutesTable{"chunk_minutes", PartitionStep::kHour};
inline constexpr PartitionedTable kChunkHoursTable{"chunk_hours", PartitionStep::kDay};
inline constexpr PartitionedTable kLogSegmentTable{"log_segment", PartitionStep::kDay};
inline constexpr PartitionedTable kLogPatternCountTable{"log_pattern_count", PartitionStep::kDay};
inline constexpr PartitionedTable kRollup5mTable{"rollup_5m", PartitionStep::kDay};
inline constexpr PartitionedTable kRollup1hTable{"rollup_1h", PartitionStep::kMonth};
inline constexpr PartitionedTable kPartitionedTables[] = {
    kBlockTable,          kChunkMinutesTable,    kChunkHoursTable, kStatementIntervalTable,
    kStatementDeltaTable, kStatementHourTable,   kLogBlockTable,   kLogEventTable,
    kLogSegmentTable,     kLogPatternCountTable, kRollup5mTable,   kRollup1hTable};

// from <= t < to, both UTC: "block_20261121_08" from 08:00 to 09:00, "log_event_20261121" the day,
// "rollup_1h_20261101" the month.
struct Partition {
  std::string_view table;
  std::string name;
  shared::WallTime from;
  shared::WallTime to;
  // By table and time.
  friend bool operator<(const Partition& a, const Partition& b) {
    return a.table != b.table ? a.table < b.table : a.from < b.from;
  }
  friend bool operator==(const Partition&, const Partition&) = default;
};

Partition PartitionOf(const PartitionedTable& table, shared::WallTime time);
// By its name; nullopt: no name that PartitionOf gives.
std::optional<Partition> PartitionNamed(const PartitionedTable& table, std::string_view name);

// The partition of `now` and those after it: `ahead` more.
std::vector<Partition> PartitionsAhead(const PartitionedTable& table, shared::WallTime now,
                                       int ahead);

// The two statements that make it. CREATE … PARTITION OF would lock the parent against everyone;
// a table of its own that is attached then needs a lock only against others who attach.
std::string CreatePartitionSql(const Partition& partition);
std::string AttachPartitionSql(const Partition& partition);

}  // namespace collector::storage
