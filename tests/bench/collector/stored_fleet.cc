#include "tests/bench/collector/stored_fleet.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "collector/storage/migrations.h"
#include "collector/storage/partition.h"
#include "collector/storage/partition_keeper.h"
#include "shared/postgres/copy.h"
#include "shared/wire/block_codec.h"
#include "tests/bench/shared/host_blocks.h"

namespace collector::bench {
namespace {

constexpr uint32_t kTicks = 6;
constexpr int kBlocksAtOnce = 100;
const shared::WallTime kBegin = shared::FromUnixNanos(1'767'225'600'000'000'000);

template <typename T>
T Must(shared::Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}
void Must(const shared::Result<void>& result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

}  // namespace

StoredFleet::StoredFleet(const tests::PostgresServer& server, const FleetSize& size)
    : size_(size), connection_([&] {
        server.Execute("CREATE DATABASE pgvigil");
        return server.Connect("pgvigil");
      }()) {
  Must(storage::Migrate(connection_, storage::EmbeddedMigrations()));
  storage::PartitionKeeper partitions;
  std::set<storage::Partition> wanted;
  for (shared::WallTime hour = begin(); hour < end(); hour += std::chrono::hours(1)) {
    wanted.insert(PartitionOf(storage::kBlockTable, hour));
  }
  Must(partitions.Ensure(connection_, wanted));
  const double before = Ask("SELECT pg_current_wal_lsn() - '0/0'");
  for (int host = 1; host <= size_.hosts; ++host) AddHost(host);
  wal_bytes_ = Ask("SELECT pg_current_wal_lsn() - '0/0'") - before;
}

shared::WallTime StoredFleet::begin() const {
  return kBegin;
}
// Hosts begin at phases of up to 10 s.
shared::WallTime StoredFleet::end() const {
  return kBegin + std::chrono::hours(size_.hours) + std::chrono::minutes(1);
}
double StoredFleet::samples() const {
  return static_cast<double>(size_.hosts) * size_.series * size_.hours * 360;
}

double StoredFleet::Ask(std::string_view sql) {
  const shared::postgres::Rows rows = Must(connection_.Query(sql));
  return rows.size() > 0 ? rows.Double(0, 0).value_or(0) : 0;
}

void StoredFleet::AddHost(int host) {
  Must(connection_.Execute(fmt::format(
      "INSERT INTO pgvigil.host (tenant_id, host_key, name, resource)"
      " VALUES (1, 'h{0}', 'h{0}', '{{}}');"
      "INSERT INTO pgvigil.metric (tenant_id, name) SELECT 1, 'bench.metric_' || i"
      " FROM generate_series(0, {1} / 10) i ON CONFLICT DO NOTHING;"
      "INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint)"
      " SELECT {0}, m.id, CASE WHEN i * 500 / {1} BETWEEN 150 AND 399 THEN 2 ELSE 1 END, '1',"
      " jsonb_build_object('index', i::text), gen_random_uuid()"
      " FROM generate_series(0, {1} - 1) i JOIN pgvigil.metric m ON m.name = 'bench.metric_' ||"
      " i / 10 ORDER BY i;"
      "INSERT INTO pgvigil.layout (host_id, hash, series_ids) SELECT {0}, gen_random_uuid(),"
      " array_agg(id ORDER BY id) FROM pgvigil.series WHERE host_id = {0}",
      host, size_.series)));
  shared::wire::BlockEncoder encoder;
  std::string payload;
  const auto blocks = shared::bench::MakeHostBlocks(static_cast<uint64_t>(host), size_.series,
                                                    kTicks, static_cast<size_t>(size_.hours) * 60);
  for (size_t begin = 0; begin < blocks.size(); begin += kBlocksAtOnce) {
    auto copy = Must(shared::postgres::CopyIn::Begin(
        connection_,
        "COPY pgvigil.block (host_id, layout_id, first_time, last_time, ticks, format,"
        " data) FROM STDIN (FORMAT binary)"));
    for (size_t i = begin; i < std::min(blocks.size(), begin + kBlocksAtOnce); ++i) {
      payload.clear();
      encoder.Encode(blocks[i], payload);
      copy.BeginRow(7);
      copy.Int4(host);
      copy.Int8(host);  // a layout a host
      copy.Timestamptz(shared::FromUnixNanos(blocks[i].times_unix_nano.front()));
      copy.Timestamptz(shared::FromUnixNanos(blocks[i].times_unix_nano.back()));
      copy.Int2(kTicks);
      copy.Int2(1);
      copy.Bytea(payload);
    }
    Must(copy.Finish());
  }
}

NarrowRows MeasureNarrowRows(StoredFleet& fleet, uint32_t series) {
  constexpr size_t kHours = 4;
  Must(fleet.connection().Execute(
      "CREATE TABLE public.narrow (series int8, time timestamptz, value float8);"
      "CREATE INDEX ON public.narrow (series, time); CHECKPOINT"));
  const auto blocks = shared::bench::MakeHostBlocks(1, series, 360, kHours);
  const double wal_before = fleet.Ask("SELECT pg_current_wal_lsn() - '0/0'");
  const auto begin = std::chrono::steady_clock::now();
  for (const shared::model::Block& block : blocks) {
    auto copy = Must(shared::postgres::CopyIn::Begin(
        fleet.connection(), "COPY public.narrow FROM STDIN (FORMAT binary)"));
    for (size_t tick = 0; tick < block.ticks(); ++tick) {
      for (uint32_t one = 0; one < series; ++one) {
        copy.BeginRow(3);
        copy.Int8(one);
        copy.Timestamptz(shared::FromUnixNanos(block.times_unix_nano[tick]));
        copy.Float8(block.SeriesValues(one)[tick]);
      }
    }
    Must(copy.Finish());
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double rows = static_cast<double>(series) * 360 * kHours;
  NarrowRows out;
  out.rows_per_s = rows / took;
  out.bytes_per_sample = fleet.Ask("SELECT pg_total_relation_size('public.narrow')") / rows;
  out.wal_bytes_per_sample = (fleet.Ask("SELECT pg_current_wal_lsn() - '0/0'") - wal_before) / rows;
  return out;
}

}  // namespace collector::bench
