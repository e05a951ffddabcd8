#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "collector/storage/layout_reader.h"
#include "collector/storage/partition.h"
#include "collector/storage/rollups/rollup_codec.h"
#include "shared/base/clock.h"
#include "shared/postgres/connection.h"

// Rows of pgvigil.rollup_5m and pgvigil.rollup_1h: a family's day each.
namespace collector::storage {

struct RollupTier {
  PartitionedTable table;
  std::chrono::minutes step;
  size_t slots;  // of a day
};
inline constexpr RollupTier kFiveMinuteTier{kRollup5mTable, std::chrono::minutes(5), 288};
inline constexpr RollupTier kHourTier{kRollup1hTable, std::chrono::minutes(60), 24};

struct RollupRow {
  int64_t family_id = 0;
  int32_t host_id = 0;
  RollupArrays arrays;
};

// A series of a family: what is asked for.
struct RollupSeries {
  int64_t family_id = 0;
  int16_t ord = 0;
  friend auto operator<=>(const RollupSeries&, const RollupSeries&) = default;
};

struct StoredRollup {
  RollupSeries series;
  shared::WallTime day;
  std::vector<Bucket> buckets;  // those of the day that have samples, ascending
};

// Asks for what is stored of `wanted` for from <= day < to. Only their vectors travel.
struct RollupStatement {
  std::string sql;  // always the same of a tier
  std::vector<shared::postgres::Parameter> parameters;
};
RollupStatement MakeRollupStatement(const RollupTier& tier, std::span<const RollupSeries> wanted,
                                    shared::WallTime from, shared::WallTime to);
// Its answer (binary), by series and day. kInternal: a row that no collector wrote so.
shared::Result<std::vector<StoredRollup>> ToRollups(const shared::postgres::Rows& rows,
                                                    const RollupTier& tier);

// Both.
shared::Result<std::vector<StoredRollup>> ReadRollups(const BinaryQuery& query,
                                                      const RollupTier& tier,
                                                      std::span<const RollupSeries> wanted,
                                                      shared::WallTime from, shared::WallTime to);

// Puts rows of a day in the place of those that are there, in the caller's transaction. The
// partition must exist.
shared::Result<void> ReplaceRollups(shared::postgres::Connection& connection,
                                    const RollupTier& tier, shared::WallTime day,
                                    std::span<const RollupRow> rows);

}  // namespace collector::storage
