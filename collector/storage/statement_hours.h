#pragma once

#include <chrono>
#include <span>
#include <string>

#include "collector/storage/batch_plan.h"
#include "collector/storage/maintenance/chore.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/read_pool.h"

// Statements by the hour (pgvigil.statement_hour): made by a chore once an hour has ended, marked
// stale by a writer that comes late, read instead of the intervals where an answer needs whole
// hours.
//
// Who writes marks an hour only when it ended kLateAfter ago, and the chore sums it up only when it
// ended kSettle ago. A writer's transaction ends within a minute, so that a write which marks
// nothing is always in what the chore sees. Late writers and the chore exclude each other by an
// advisory lock; writers in time take none.
namespace collector::storage {

inline constexpr std::chrono::minutes kStatementLateAfter{5};
inline constexpr std::chrono::minutes kStatementSettle{10};

// Within the writer's transaction, after its rows: marks hours of `intervals` that are over.
shared::Result<void> MarkLateHours(shared::postgres::Connection& connection,
                                   std::span<const PlannedInterval> intervals,
                                   shared::WallTime now);

// Sums up hours: those that ended, in order, and stale ones again.
class StatementHours final : public Chore {
 public:
  // `keep`: how long intervals are kept. Older hours cannot be summed up again: what came late for
  // them stays out. The keeper must outlive it.
  StatementHours(PartitionKeeper& partitions, std::chrono::hours keep)
      : partitions_(partitions), keep_(keep) {}

  [[nodiscard]] std::string_view name() const override { return "statement_hours"; }
  shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                shared::WallTime now,
                                                std::stop_token stop) override;

 private:
  // False: there was none to do.
  shared::Result<bool> SumStale(shared::postgres::Connection& connection, shared::WallTime now);
  shared::Result<bool> SumNext(shared::postgres::Connection& connection, shared::WallTime now);

  PartitionKeeper& partitions_;
  const std::chrono::hours keep_;
};

// Where to read the statements of a range from.
struct StatementSource {
  std::string interval_condition;  // on statement_delta d: interval_end, one range or two
  std::string hour_condition;      // on statement_hour d; "": the intervals alone hold it all
};

// `instances`: an array in input syntax. Whole hours that are summed up and not stale are read by
// the hour, when there are enough of them in a row.
shared::Result<StatementSource> ChooseStatementSource(ReadSession& session,
                                                      const std::string& instances,
                                                      const api::TimeRange& range);

}  // namespace collector::storage
