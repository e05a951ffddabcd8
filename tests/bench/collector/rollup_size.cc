#include "tests/bench/collector/rollup_size.h"

#include <fmt/format.h>

#include <cstdlib>

#include "collector/storage/compaction/compaction.h"
#include "collector/storage/rollups/rollups.h"
#include "tests/bench/collector/stored_fleet.h"

namespace collector::bench {
namespace {

// Runs the chore until it has nothing to do at this time.
void Finish(storage::Chore& chore, StoredFleet& fleet, shared::WallTime now) {
  for (;;) {
    const auto pause = chore.Run(fleet.connection(), now, {});
    if (!pause) {
      fmt::print(stderr, "{}\n", pause.error().message);
      std::exit(1);
    }
    if (pause->count() > 0) return;
  }
}

}  // namespace

RollupSize MeasureRollups(int hosts) {
  const tests::PostgresServer server(
      {.settings = {
           {"shared_buffers", "512MB"}, {"max_wal_size", "4GB"}, {"wal_compression", "lz4"}}});
  StoredFleet fleet(server, {.hosts = hosts, .hours = 24});
  const shared::WallTime now = fleet.end() + std::chrono::hours(2);
  storage::PartitionKeeper partitions;
  shared::metrics::Registry registry;
  storage::Compaction compaction({}, partitions, registry);
  Finish(compaction, fleet, now);
  fleet.Ask("CHECKPOINT");
  const double wal_before = fleet.Ask("SELECT pg_current_wal_lsn() - '0/0'");
  storage::Rollups rollups({}, partitions, registry);
  const auto begin = std::chrono::steady_clock::now();
  Finish(rollups, fleet, now);
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  RollupSize out;
  const double samples = fleet.Ask("SELECT sum(count) FROM pgvigil.rollup_1h_samples");
  const auto size_of = [&](const char* table) {
    return fleet.Ask(fmt::format("SELECT coalesce(sum(pg_total_relation_size(relid)), 0)"
                                 " FROM pg_partition_tree('pgvigil.{}') WHERE isleaf",
                                 table)) /
           samples;
  };
  out.five_minutes = size_of("rollup_5m");
  out.bytes_per_raw_sample = out.five_minutes + size_of("rollup_1h");
  out.wal_bytes_per_raw_sample =
      (fleet.Ask("SELECT pg_current_wal_lsn() - '0/0'") - wal_before) / samples;
  out.samples_per_s = samples / took;
  for (const char* tier : {"5m", "1h"}) {
    fleet.Ask(
        fmt::format("CREATE TABLE public.narrow_{0} AS SELECT series_id, time, min, max, sum,"
                    " count, last, increase FROM pgvigil.rollup_{0}_samples"
                    " WHERE host = 'h1' ORDER BY time, series_id",
                    tier));
    fleet.Ask(fmt::format("CREATE INDEX ON public.narrow_{} (series_id, time)", tier));
    out.narrow_bytes_per_raw_sample +=
        fleet.Ask(fmt::format("SELECT pg_total_relation_size('public.narrow_{}')", tier)) /
        (samples / hosts);
  }
  return out;
}

}  // namespace collector::bench
