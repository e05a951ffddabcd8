// Compaction of a fleet's blocks as it happens: ten minutes after ten minutes, and each hour when
// it is over. One thread; PostgreSQL is on the same machine, fsync on.
//
//   compaction_bench compaction [hosts, 50] [hours, 2]    how fast
//   compaction_bench storage_size [hosts, 50] [hours, 2]  how large, and how much WAL; rollups, too
//   compaction_bench rollup_size [hosts, 8]               rollups alone, of a day
//
// The last line is a JSON object; "narrow_…" is the same as rows (series, time, value) with a btree
// in the same run, on a smaller sample.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <string_view>

#include "collector/storage/compaction/compaction.h"
#include "tests/bench/collector/rollup_size.h"
#include "tests/bench/collector/stored_fleet.h"

namespace {

using namespace std::chrono_literals;
using collector::bench::NarrowRows;
using collector::bench::StoredFleet;
using collector::storage::Compaction;

double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct Times {
  double wall_s = 0;
  double thread_s = 0;
};

// Runs the chore until it has nothing to do at this time.
void Compact(Compaction& compaction, StoredFleet& fleet, shared::WallTime now, Times& times) {
  const auto begin = std::chrono::steady_clock::now();
  const double thread_begin = ThreadSeconds();
  for (;;) {
    const auto pause = compaction.Run(fleet.connection(), now, {});
    if (!pause) {
      fmt::print(stderr, "{}\n", pause.error().message);
      std::exit(1);
    }
    if (pause->count() > 0) break;
  }
  times.wall_s += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  times.thread_s += ThreadSeconds() - thread_begin;
}

void PrintSpeed(StoredFleet& fleet, const Times& minutes, const Times& hours,
                const Times& catch_up) {
  const double samples = fleet.samples() - fleet.samples_of_ten_minutes();
  const NarrowRows narrow = collector::bench::MeasureNarrowRows(fleet, 500);
  const double per_s = samples / (minutes.wall_s + hours.wall_s);
  fmt::print(
      "{{\"name\":\"compaction\",\"samples_per_s\":{:.0f},\"samples\":{:.0f},"
      "\"minutes_seconds\":{:.2f},\"hours_seconds\":{:.2f},"
      "\"catch_up_samples_per_s\":{:.0f},\"samples_per_thread_cpu_s\":{:.0f},\"narrow_rows_per_s\":"
      "{:.0f},\"ratio\":{:.1f}}}\n",
      per_s, samples, minutes.wall_s, hours.wall_s, fleet.samples() / catch_up.wall_s,
      samples / (minutes.thread_s + hours.thread_s), narrow.rows_per_s, per_s / narrow.rows_per_s);
}

void PrintSize(StoredFleet& fleet, double wal_before) {
  const double samples = fleet.samples();
  const double wal =
      fleet.Ask("SELECT pg_current_wal_lsn() - '0/0'") - wal_before + fleet.wal_bytes();
  const auto size_of = [&](std::string_view table) {
    return fleet.Ask(fmt::format("SELECT coalesce(sum(pg_total_relation_size(relid)), 0)"
                                 " FROM pg_partition_tree('pgvigil.{}') WHERE isleaf",
                                 table)) /
           samples;
  };
  const NarrowRows narrow = collector::bench::MeasureNarrowRows(fleet, 500);
  const double bytes = size_of("chunk_hours");
  const collector::bench::RollupSize rollups = collector::bench::MeasureRollups(8);
  fmt::print(
      "{{\"name\":\"storage_size\",\"bytes_per_sample\":{:.3f},\"wal_bytes_per_sample\":{:.2f},"
      "\"samples\":{:.0f},\"block_bytes_per_sample\":{:.3f},\"block_wal_bytes_per_sample\":{:.2f},"
      "\"chunks\":{:.0f},\"narrow_bytes_per_sample\":{:.1f},\"narrow_wal_bytes_per_sample\":{:.1f},"
      "\"ratio\":{:.1f},\"wal_ratio\":{:.1f},\"rollup_bytes_per_raw_sample\":{:.3f},"
      "\"rollup_5m_bytes_per_raw_sample\":{:.3f},\"rollup_wal_bytes_per_raw_sample\":{:.3f},"
      "\"rollup_samples_per_s\":{:.0f},\"narrow_rollup_bytes_per_raw_sample\":{:.2f},"
      "\"rollup_ratio\":{:.1f}}}\n",
      bytes, wal / samples, samples, size_of("block"), fleet.wal_bytes() / samples,
      fleet.Ask("SELECT count(*) FROM pgvigil.chunk"), narrow.bytes_per_sample,
      narrow.wal_bytes_per_sample, narrow.bytes_per_sample / bytes,
      narrow.wal_bytes_per_sample / (wal / samples), rollups.bytes_per_raw_sample,
      rollups.five_minutes, rollups.wal_bytes_per_raw_sample, rollups.samples_per_s,
      rollups.narrow_bytes_per_raw_sample,
      rollups.narrow_bytes_per_raw_sample / rollups.bytes_per_raw_sample);
}

void PrintRollups(int hosts) {
  const collector::bench::RollupSize rollups = collector::bench::MeasureRollups(hosts);
  fmt::print(
      "{{\"name\":\"rollup_size\",\"rollup_bytes_per_raw_sample\":{:.3f},"
      "\"rollup_5m_bytes_per_raw_sample\":{:.3f},\"rollup_wal_bytes_per_raw_sample\":{:.3f},"
      "\"rollup_samples_per_s\":{:.0f},\"narrow_rollup_bytes_per_raw_sample\":{:.2f}}}\n",
      rollups.bytes_per_raw_sample, rollups.five_minutes, rollups.wal_bytes_per_raw_sample,
      rollups.samples_per_s, rollups.narrow_bytes_per_raw_sample);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view figure = argc > 1 ? argv[1] : "compaction";
  if (figure == "rollup_size") {
    PrintRollups(argc > 2 ? std::atoi(argv[2]) : 8);
    return 0;
  }
  const tests::PostgresServer server({.settings = {{"shared_buffers", "512MB"},
                                                   {"max_wal_size", "4GB"},
                                                   {"wal_compression", "lz4"},
                                                   {"fsync", "on"},
                                                   {"synchronous_commit", "on"},
                                                   {"full_page_writes", "on"}},
                                      .fsync = true});
  StoredFleet fleet(server, {.hosts = argc > 2 ? std::atoi(argv[2]) : 50,
                             .hours = argc > 3 ? std::atoi(argv[3]) : 2});
  const double wal_before = fleet.Ask("SELECT pg_current_wal_lsn() - '0/0'");
  collector::storage::PartitionKeeper partitions;
  shared::metrics::Registry registry;
  Compaction compaction({}, partitions, registry);
  // Families are made once in a host's life: with the first ten minutes, which are not measured.
  Times families;
  Compact(compaction, fleet, fleet.begin() + 11min + 30s, families);
  Times minutes;
  Times hours;
  for (shared::WallTime now = fleet.begin() + 21min + 30s; now < fleet.end() + 11min;
       now += 10min) {
    const bool hour_is_over = (now - fleet.begin()) % 60min < 10min;
    Compact(compaction, fleet, now, hour_is_over ? hours : minutes);
  }
  // The same of hours that are over, as after a long silence: blocks become chunks of the hour at
  // once.
  Times catch_up;
  if (figure != "storage_size") {
    fleet.Ask("WITH forgotten AS (DELETE FROM pgvigil.compacted_window) DELETE FROM pgvigil.chunk");
    Compaction again({}, partitions, registry);
    Compact(again, fleet, fleet.end() + 12min, catch_up);
  }
  if (figure == "storage_size") {
    PrintSize(fleet, wal_before);
  } else {
    PrintSpeed(fleet, minutes, hours, catch_up);
  }
  return 0;
}
