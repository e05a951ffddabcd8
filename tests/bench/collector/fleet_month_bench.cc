// A month of a fleet, day by day through what a collector does with it: blocks, chunks, rollups,
// retention; then questions for it. It tells what a long life costs and does to the answers.
//
//   fleet_month_bench [days, 1] [hosts, 200] [socket directory]
//
// With the socket directory of a server (superuser postgres, made by the caller) the days stay
// there, in its database pgvigil: the next call goes on after them, or only asks.
//
// 30 days of 200 hosts are 26 billion samples, 23 GB and most of an hour. 500 series a host, a tick
// each 10 s. All hosts send the same values: the generator is not what is measured. A block is an
// hour, as from an agent that catches up. The last line is a JSON object; the bytes are those of
// heap, index and TOAST.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/compaction/compaction.h"
#include "collector/storage/index/index_keeper.h"
#include "collector/storage/migrations.h"
#include "collector/storage/reader.h"
#include "collector/storage/retention/retention.h"
#include "collector/storage/rollups/rollups.h"
#include "shared/postgres/copy.h"
#include "tests/bench/shared/host_blocks.h"
#include "tests/support/postgres_server.h"

namespace {

using namespace std::chrono_literals;
using collector::api::SampleAggregate;
using collector::api::TimeRange;
using shared::WallTime;
using shared::model::Block;
using shared::postgres::Connection;

constexpr uint32_t kSeries = 500;
constexpr uint32_t kTicks = 360;  // a block: an hour
constexpr size_t kHours = 24;
const WallTime kBegin = shared::FromUnixNanos(1'767'225'600'000'000'000);  // 2026-01-01

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

// The data's time of day, the machine's seconds.
class BenchClock final : public shared::Clock {
 public:
  explicit BenchClock(WallTime now) : now_(now) {}
  [[nodiscard]] WallTime Now() const override { return now_; }
  [[nodiscard]] shared::MonotonicTime Monotonic() const override {
    return std::chrono::steady_clock::now();
  }

 private:
  const WallTime now_;
};

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What each day took, so that a later call can go on.
constexpr const char* kDayTable = R"sql(
CREATE TABLE IF NOT EXISTS public.bench_day (
  day int PRIMARY KEY, samples float8, load_s float8, compaction_s float8, rollup_s float8,
  retention_s float8, wal float8, block_bytes float8))sql";

double Ask(Connection& connection, std::string_view sql) {
  const auto rows = Must(connection.Query(sql));
  return rows.size() > 0 ? rows.Double(0, 0).value_or(0) : 0;
}

double BytesOf(Connection& connection, std::string_view tables) {
  return Ask(connection, fmt::format("SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)"
                                     " FROM pg_class c WHERE relnamespace = 'pgvigil'::regnamespace"
                                     " AND relkind = 'r' AND relname ~ '^({})_[0-9]'",
                                     tables));
}

void MakeCatalogue(Connection& connection, int hosts) {
  Must(connection.Execute(fmt::format(
      "INSERT INTO pgvigil.host (tenant_id, host_key, name, resource) SELECT 1, 'key-' || h,"
      " 'host-' || h, '{{}}' FROM generate_series(1, {0}) h ORDER BY h;"
      "INSERT INTO pgvigil.metric (tenant_id, name) SELECT 1, 'bench.metric_' || m"
      " FROM generate_series(0, {1} / 10 - 1) m ORDER BY m;"
      "INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint, last_seen)"
      " SELECT h, i / 10 + 1, CASE WHEN i < {1} / 2 THEN 2 ELSE 1 END, '1',"
      " jsonb_build_object('index', i::text), gen_random_uuid(), '2030-01-01'"
      " FROM generate_series(1, {0}) h, generate_series(0, {1} - 1) i ORDER BY h, i;"
      "INSERT INTO pgvigil.layout (host_id, hash, series_ids, last_seen) SELECT h,"
      " gen_random_uuid(), ARRAY(SELECT (h - 1) * {1} + i FROM generate_series(1, {1}) i),"
      " '2030-01-01' FROM generate_series(1, {0}) h ORDER BY h",
      hosts, kSeries)));
}

// The day's blocks of every host.
void LoadDay(Connection& connection, collector::storage::PartitionKeeper& partitions,
             std::span<const Block> day, int hosts) {
  shared::wire::BlockEncoder encoder;
  std::string payload;
  for (const Block& block : day) {
    const WallTime first = shared::FromUnixNanos(block.times_unix_nano.front());
    Must(partitions.Ensure(connection, {PartitionOf(collector::storage::kBlockTable, first)}));
    payload.clear();
    encoder.Encode(block, payload);
    auto copy = Must(shared::postgres::CopyIn::Begin(
        connection,
        "COPY pgvigil.block (host_id, layout_id, first_time, last_time, ticks, format,"
        " data) FROM STDIN (FORMAT binary)"));
    for (int host = 1; host <= hosts; ++host) {
      copy.BeginRow(7);
      copy.Int4(host);
      copy.Int8(host);  // a layout a host
      copy.Timestamptz(first);
      copy.Timestamptz(shared::FromUnixNanos(block.times_unix_nano.back()));
      copy.Int2(kTicks);
      copy.Int2(1);
      copy.Bytea(payload);
    }
    Must(copy.Finish());
  }
}

// Until it has nothing to do at this time.
void Work(collector::storage::Chore& chore, Connection& connection, WallTime now) {
  while (Must(chore.Run(connection, now, {})).count() == 0) {
  }
}

struct Latency {
  double p50_ms = 0;
  double p99_ms = 0;
  size_t values = 0;
};
Latency Measure(int times, const std::function<size_t()>& ask) {
  Latency out;
  std::vector<double> took;
  for (int i = -3; i < times; ++i) {
    const double seconds = Seconds([&] { out.values = ask(); });
    if (i >= 0) took.push_back(seconds * 1e3);
  }
  std::sort(took.begin(), took.end());
  out.p50_ms = took[took.size() / 2];
  out.p99_ms = took[(took.size() * 99 - 1) / 100];
  return out;
}

struct Question {
  std::string_view name;
  collector::api::SeriesSelector selector;
  TimeRange range;
  std::chrono::milliseconds step{};
  int times = 100;
};

std::string AskAll(const shared::postgres::ConnectOptions& connect, WallTime now, int days) {
  const BenchClock clock(now);
  shared::metrics::Registry registry;
  collector::storage::Readiness readiness;
  readiness.Set({});
  collector::storage::IndexOptions index_options;
  index_options.connect = connect;
  collector::storage::IndexKeeper index(index_options, clock, readiness, registry);
  collector::storage::ReaderOptions options;
  options.connect = connect;
  options.newest_bytes = size_t{256} << 20;
  collector::storage::Reader reader(options, clock, readiness, registry, &index);
  const collector::api::SeriesSelector one{"bench.metric_20", "host-1", {{"index", "203"}}};
  const WallTime begin = now - std::chrono::days(days);
  const Question questions[] = {
      {"series_24h", one, {now - 24h, now}, {}, 200},
      {"host_1h", {"", "host-7", {}}, {now - 10h, now - 9h}, {}, 100},
      {"fleet_1h", {"bench.metric_30", {}, {{"index", "303"}}}, {now - 1h, now}, {}, 100},
      {"month_raw", one, {begin, now}, {}, 5},
      {"month_by_5m", one, {begin, now}, 5min, 50},
      {"month_by_1h", one, {begin, now}, 1h, 200},
      {"fleet_month_by_1h", {"bench.metric_30", {}, {{"index", "303"}}}, {begin, now}, 1h, 5}};
  std::string out;
  for (const Question& question : questions) {
    const Latency took = Measure(question.times, [&] {
      const collector::api::QueryContext context{{1}, clock.Monotonic() + 60s};
      collector::api::SampleQuery query{question.selector, question.range, question.step, 10'000,
                                        10'000'000};
      if (question.step.count() > 0) query.aggregate = SampleAggregate::kMax;
      size_t values = 0;
      for (const auto& series : Must(reader.Samples(context, query)).series) {
        values += series.samples.size();
      }
      return values;
    });
    out += fmt::format(",\"p50_ms_{0}\":{1:.2f},\"p99_ms_{0}\":{2:.2f},\"values_{0}\":{3}",
                       question.name, took.p50_ms, took.p99_ms, took.values);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int days = argc > 1 ? std::atoi(argv[1]) : 1;
  const int hosts = argc > 2 ? std::atoi(argv[2]) : 200;
  std::optional<tests::PostgresServer> own;
  shared::postgres::ConnectOptions connect;
  if (argc > 3) {
    connect.keywords = {{"host", argv[3]}, {"user", "postgres"}, {"dbname", "pgvigil"}};
  } else {
    own.emplace(tests::PostgresServerOptions{.settings = {{"shared_buffers", "2GB"},
                                                          {"max_wal_size", "8GB"},
                                                          {"wal_compression", "lz4"},
                                                          {"synchronous_commit", "on"}}});
    own->Execute("CREATE DATABASE pgvigil");
    connect = own->Options("pgvigil");
  }
  Connection connection = Must(Connection::Open(connect));
  Must(collector::storage::Migrate(connection, collector::storage::EmbeddedMigrations()));
  if (Ask(connection, "SELECT count(*) FROM pgvigil.host") == 0) MakeCatalogue(connection, hosts);
  Must(connection.Execute(kDayTable));

  shared::metrics::Registry registry;
  collector::storage::PartitionKeeper partitions;
  collector::storage::Compaction compaction({}, partitions, registry);
  collector::storage::Rollups rollups({}, partitions, registry);
  collector::storage::RetentionOptions keep;
  keep.policy.keep = {{"block", 6h}, {"chunk_minutes", 6h}, {"chunk_hours", 90 * 24h}};
  collector::storage::Retention retention(
      keep,
      [](Connection& session, const collector::storage::StoredPartition& partition) {
        return partition.table == collector::storage::kBlockTable.name
                   ? collector::storage::IsCompacted(session, partition.from, partition.to)
                   : collector::storage::IsMerged(session, partition.from, partition.to);
      },
      registry);

  const int done = static_cast<int>(Ask(connection, "SELECT count(*) FROM public.bench_day"));
  for (int day = done; day < days; ++day) {
    const double wal_before = Ask(connection, "SELECT pg_current_wal_lsn() - '0/0'");
    std::vector<Block> blocks =
        shared::bench::MakeHostBlocks(static_cast<uint64_t>(day) + 1, kSeries, kTicks, kHours);
    // From midnight on, whatever the generator's clock says.
    const int64_t shift = shared::ToUnixNanos(kBegin + std::chrono::days(day) + 5s) -
                          blocks.front().times_unix_nano.front();
    double samples = 0;
    for (Block& block : blocks) {
      for (int64_t& time : block.times_unix_nano) time += shift;
      samples += static_cast<double>(block.values.size()) * hosts;
    }
    const WallTime end = kBegin + std::chrono::days(day + 1);
    const double load_s = Seconds([&] { LoadDay(connection, partitions, blocks, hosts); });
    const double block_bytes = BytesOf(connection, "block");
    // The last day's rollups are not made yet, as in life.
    const double compaction_s = Seconds([&] { Work(compaction, connection, end + 11min); });
    const double rollup_s = Seconds([&] { Work(rollups, connection, end + 11min); });
    const double retention_s = Seconds([&] { Must(retention.Run(connection, end + 11min, {})); });
    const double wal = Ask(connection, "SELECT pg_current_wal_lsn() - '0/0'") - wal_before;
    Must(connection.Execute(
        fmt::format("INSERT INTO public.bench_day VALUES"
                    " ({}, {}, {}, {}, {}, {}, {}, {})",
                    day, samples, load_s, compaction_s, rollup_s, retention_s, wal, block_bytes)));
    fmt::print(stderr,
               "day {} of {}: {:.0f} M samples, load {:.0f} s, compaction {:.0f} s,"
               " rollups {:.0f} s, chunks {:.0f} MB\n",
               day + 1, days, samples / 1e6, load_s, compaction_s, rollup_s,
               BytesOf(connection, "chunk_hours") / 1e6);
  }
  const auto total = [&](std::string_view column) {
    return Ask(connection, fmt::format("SELECT {} FROM public.bench_day", column));
  };
  const double samples = total("sum(samples)"), load_s = total("sum(load_s)");
  const double compaction_s = total("sum(compaction_s)"), rollup_s = total("sum(rollup_s)");
  const double retention_s = total("sum(retention_s)"), wal = total("sum(wal)");
  const double most_blocks = total("max(block_bytes)");
  const double chunks = BytesOf(connection, "chunk_hours|chunk_minutes");
  const double rolled = BytesOf(connection, "rollup_5m|rollup_1h");
  if (done < days) Must(connection.Execute("VACUUM ANALYZE"));
  const double compacted = Ask(connection, "SELECT sum(samples) FROM pgvigil.chunk");
  if (compacted != samples) {
    fmt::print(stderr, "{:.0f} samples were loaded, chunks hold {:.0f}\n", samples, compacted);
    return 1;
  }
  const std::string answers = AskAll(connect, kBegin + std::chrono::days(days), days);
  fmt::print(
      "{{\"name\":\"fleet_month\",\"days\":{},\"hosts\":{},\"samples\":{:.0f},\"load_s\":{:.0f},"
      "\"load_samples_per_s\":{:.0f},\"compaction_s\":{:.0f},\"compaction_samples_per_s\":{:.0f},"
      "\"rollup_s\":{:.0f},\"rollup_samples_per_s\":{:.0f},\"retention_s\":{:.1f},"
      "\"chunk_bytes_per_sample\":{:.3f},\"rollup_bytes_per_sample\":{:.3f},"
      "\"wal_bytes_per_sample\":{:.2f},\"most_block_bytes\":{:.0f},\"database_bytes\":{:.0f}{}}}\n",
      days, hosts, samples, load_s, samples / load_s, compaction_s, samples / compaction_s,
      rollup_s, samples / rollup_s, retention_s, chunks / samples, rolled / samples, wal / samples,
      most_blocks, Ask(connection, "SELECT pg_database_size(current_database())"), answers);
  return 0;
}
