#include "agent/postgres/statements/round.h"

#include <utility>

namespace agent::postgres::statements {
namespace {

uint64_t Nanos(shared::WallTime time) {
  return static_cast<uint64_t>(shared::ToUnixNanos(time));
}

// A round in memory: its message, and the reading that it keeps until it is appended.
size_t CostBytes(const pgvigil::v1::StatementInterval& interval, const Reading& reading) {
  return interval.ByteSizeLong() +
         static_cast<size_t>(interval.deltas_size()) * sizeof(pgvigil::v1::StatementDelta) +
         reading.memory_bytes();
}

}  // namespace

void FillDelta(const EntryDelta& delta, pgvigil::v1::StatementDelta& out) {
  out.set_dbid(delta.key.dbid);
  out.set_userid(delta.key.userid);
  out.set_queryid(delta.key.queryid);
  out.set_toplevel(delta.key.toplevel);
  switch (delta.kind) {
    case DeltaKind::kDifference:
      out.set_kind(pgvigil::v1::DELTA_KIND_DIFFERENCE);
      break;
    case DeltaKind::kNew:
      out.set_kind(pgvigil::v1::DELTA_KIND_NEW);
      break;
    case DeltaKind::kReincarnated:
      out.set_kind(pgvigil::v1::DELTA_KIND_REINCARNATED);
      break;
  }
  out.set_since_unix_nano(Nanos(delta.since));
  for (const Column& column : Columns()) {
    if (column.count != nullptr) {
      (out.*column.set_count)(delta.counters.*column.count);
    } else {
      (out.*column.set_real)(delta.counters.*column.real);
    }
  }
}

pgvigil::v1::StatementInterval MakeInterval(const Reading& from, const Reading& to) {
  pgvigil::v1::StatementInterval out;
  const DeltaSummary summary =
      Diff(from, to, [&](const EntryDelta& delta) { FillDelta(delta, *out.add_deltas()); });
  out.set_start_unix_nano(Nanos(from.epoch().server_time));
  out.set_end_unix_nano(Nanos(to.epoch().server_time));
  out.set_postmaster_start_unix_nano(Nanos(to.epoch().postmaster_start));
  out.set_stats_reset_unix_nano(Nanos(to.epoch().stats_reset));
  out.set_evicted(summary.evicted);
  out.set_partial(summary.partial);
  out.set_entries(static_cast<uint32_t>(to.size()));
  return out;
}

bool PushRound(Lineage& lineage, std::shared_ptr<const Reading> from,
               const std::shared_ptr<const Reading>& to, pgvigil::v1::StatementInterval interval,
               pipeline::TelemetryQueue& queue) {
  const size_t cost = CostBytes(interval, *to);
  const std::shared_ptr<Lineage::Link> link = lineage.Append(std::move(from), to);
  pipeline::Telemetry round(
      pipeline::StatementRound{.interval = std::move(interval),
                               .before_append = [link](uint64_t incarnation, uint64_t sequence) {
                                 return link->BeforeAppend(incarnation, sequence);
                               }});
  const bool taken = queue.TryPush(round, cost);
  if (!taken) link->Withdraw();
  return taken;
}

}  // namespace agent::postgres::statements
