#include "collector/storage/rollups/rollups.h"

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;

constexpr std::chrono::hours kDay{24};

}  // namespace

Rollups::Rollups(RollupOptions options, PartitionKeeper& partitions,
                 shared::metrics::Registry& registry)
    : options_(options),
      partitions_(partitions),
      metrics_(registry),
      roller_(partitions, metrics_) {}

Result<std::chrono::milliseconds> Rollups::Run(Connection& connection, WallTime now,
                                               std::stop_token stop) {
  const auto end = std::chrono::steady_clock::now() + options_.budget;
  const WallTime closed = std::chrono::floor<std::chrono::days>(now - options_.settle);
  if (jobs_.empty()) RETURN_IF_ERROR(Look(connection, closed));
  Tell(now);
  Result<void> first_failure;
  while (!jobs_.empty() && !stop.stop_requested()) {
    if (Result<void> done = roller_.Roll(connection, jobs_.front(), closed); !done) {
      // Somebody dropped a partition: it is made again at the next try.
      if (roller_.failed_sqlstate() == "23514") RETURN_IF_ERROR(partitions_.Reload(connection));
      if (first_failure) first_failure = std::move(done);
      // One day that cannot be made must not hold up all others.
      if (!connection.IsOpen()) jobs_.clear();
      if (jobs_.empty()) break;
    }
    jobs_.pop_front();
    if (std::chrono::steady_clock::now() >= end) break;
  }
  Tell(now);
  if (!first_failure) return tl::make_unexpected(std::move(first_failure).error());
  // A day may have made the next one due.
  if (!jobs_.empty()) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(options_.look_interval);
}

Result<void> Rollups::Look(Connection& connection, WallTime closed) {
  ASSIGN_OR_RETURN(const Rows rows, connection.QueryBinary(
                                        "/* pgvigil */ SELECT DISTINCT host_id,"
                                        " date_bin('1 day', hour, '2000-01-01 00:00:00+00') AS day"
                                        " FROM pgvigil.rollup_dirty WHERE hour < $1::timestamptz"
                                        " ORDER BY day, host_id",
                                        {FormatTimestamp(closed)}));
  for (size_t row = 0; row < rows.size(); ++row) {
    jobs_.push_back({rows.Int4(row, 0), FromUnixMicros(rows.UnixMicros(row, 1))});
  }
  return {};
}

void Rollups::Tell(WallTime now) const {
  metrics_.waiting.Set(static_cast<double>(jobs_.size()));
  const double lag =
      jobs_.empty() ? 0 : std::chrono::duration<double>(now - (jobs_.front().day + kDay)).count();
  metrics_.lag_seconds.Set(lag);
}

// The hour after counts the last of these samples in its first increase.
Result<bool> IsRolledUp(Connection& connection, WallTime from, WallTime to) {
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query("/* pgvigil */ SELECT NOT EXISTS (SELECT FROM pgvigil.rollup_dirty"
                       " WHERE hour >= $1::timestamptz AND hour < $2::timestamptz)",
                       {FormatTimestamp(from), FormatTimestamp(to + kIncreaseGap)}));
  return rows.Bool(0, 0) == true;
}

}  // namespace collector::storage
