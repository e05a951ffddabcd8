// How long questions for samples take, warm, beside the same questions to narrow rows (series,
// time, value) with a btree, in the same PostgreSQL and the same run:
//
//   series_24h   one series, the last 24 hours: 23 from chunks of an hour, one from memory
//   host_1h      the 500 series of a host, an hour of yesterday: from chunks
//   fleet_1h     one series of each of 1,000 hosts, the last hour up to now: from memory, where the
//                hour of all 500,000 series is
//   rollup_30d   one series, the last 30 days by the hour: 29 of them from rollups, one day, which
//   has
//                none yet, from chunks and memory
//   rollup_5m_30d  the same by five minutes
//
// The narrow table holds only what is asked for (a host's day, 30 days of one of its series, and
// one series of each other host), loaded in order of time and indexed afterwards: kinder to it than
// life would be.
//
//   read_latency_bench [hosts, 1000]
//
// The last line is a JSON object.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/index/index_keeper.h"
#include "collector/storage/migrations.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/reader.h"
#include "collector/storage/rollups/rollup_rows.h"
#include "shared/postgres/copy.h"
#include "tests/bench/shared/host_blocks.h"
#include "tests/support/postgres_server.h"

namespace {

using namespace std::chrono_literals;
using collector::api::SampleRow;
using collector::api::TimeRange;
using shared::model::Block;
using shared::postgres::Connection;
using shared::postgres::CopyIn;

constexpr uint32_t kSeries = 500;
constexpr uint32_t kTicks = 3;  // a block: half a minute
constexpr size_t kBlocksOfHour = 120;
constexpr size_t kHours = 24;
constexpr size_t kBlocksFrom = kHours - 7;  // the hour since when there are blocks, too
constexpr size_t kFamily = 10;
constexpr int kAskedSeries = 204;
constexpr uint32_t kFleetSeries = kSeries - 1;  // of each host: the one that is asked of all

// The data's time of day, the machine's seconds.
class BenchClock final : public shared::Clock {
 public:
  explicit BenchClock(shared::WallTime now) : now_(now) {}
  [[nodiscard]] shared::WallTime Now() const override { return now_; }
  [[nodiscard]] shared::MonotonicTime Monotonic() const override {
    return std::chrono::steady_clock::now();
  }

 private:
  const shared::WallTime now_;
};

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

shared::WallTime TimeOf(int64_t unix_nano) {
  return shared::FromUnixNanos(unix_nano);
}

// Hosts 1 to n; host h's series are (h - 1) * 500 + 1 and on, its layout is h.
void MakeCatalogue(Connection& connection, int hosts) {
  Must(connection.Execute(fmt::format(
      "INSERT INTO pgvigil.host (tenant_id, host_key, name, resource) SELECT 1, 'key-' || h,"
      " 'host-' || h, '{{}}' FROM generate_series(1, {0}) h ORDER BY h;"
      "INSERT INTO pgvigil.metric (tenant_id, name) SELECT 1, 'bench.metric_' || m"
      " FROM generate_series(0, 49) m ORDER BY m;"
      "INSERT INTO pgvigil.metric (tenant_id, name) VALUES (1, 'bench.fleet');"
      "INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint,"
      " last_seen) SELECT h, CASE i WHEN {1} THEN 51 ELSE i / 10 + 1 END, 1, '1',"
      " jsonb_build_object('index', i::text, 'job', 'bench'), gen_random_uuid(),"
      " '2030-01-01' FROM generate_series(1, {0}) h, generate_series(0, {1}) i ORDER BY h, i;"
      "INSERT INTO pgvigil.layout (host_id, hash, series_ids, last_seen) SELECT h,"
      " gen_random_uuid(), ARRAY(SELECT (h - 1) * {2} + i FROM generate_series(1, {2}) i),"
      " '2030-01-01' FROM generate_series(1, {0}) h ORDER BY h;"
      "INSERT INTO pgvigil.family (host_id, series_ids) SELECT 1, ARRAY(SELECT f * {3} + i FROM"
      " generate_series(1, {3}) i) FROM generate_series(0, {2} / {3} - 1) f ORDER BY f;"
      "UPDATE pgvigil.series SET family_id = (id - 1) / {3} + 1, family_ord = (id - 1) % {3}"
      " WHERE host_id = 1",
      hosts, kFleetSeries, kSeries, kFamily)));
}

// Blocks of every host (all the same), as agents sent them.
void CopyBlocks(Connection& connection, std::span<const Block> blocks, int hosts) {
  shared::wire::BlockEncoder encoder;
  std::vector<std::string> payloads(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) encoder.Encode(blocks[i], payloads[i]);
  CopyIn copy = Must(CopyIn::Begin(connection,
                                   "COPY pgvigil.block (host_id, layout_id, first_time, last_time,"
                                   " ticks, format, data) FROM STDIN (FORMAT binary)"));
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (int host = 1; host <= hosts; ++host) {
      copy.BeginRow(7);
      copy.Int4(host);
      copy.Int8(host);
      copy.Timestamptz(TimeOf(blocks[i].times_unix_nano.front()));
      copy.Timestamptz(TimeOf(blocks[i].times_unix_nano.back()));
      copy.Int2(static_cast<int16_t>(kTicks));
      copy.Int2(1);
      copy.Bytea(payloads[i]);
    }
  }
  Must(copy.Finish());
}

// One hour of host 1, as compaction leaves it.
void CopyChunks(Connection& connection, std::span<const Block> hour) {
  CopyIn copy = Must(
      CopyIn::Begin(connection,
                    "COPY pgvigil.chunk (family_id, window_start, span, host_id, first_time,"
                    " last_time, samples, generation, format, data) FROM STDIN (FORMAT binary)"));
  collector::storage::ChunkEncoder encoder;
  for (size_t family = 0; family < kSeries / kFamily; ++family) {
    std::vector<collector::storage::ChunkGroup> groups(1);
    groups[0].members = static_cast<collector::storage::FamilyMembers>((1u << kFamily) - 1);
    Block& chunk = groups[0].block;
    chunk.series = kFamily;
    for (const Block& block : hour) {
      chunk.times_unix_nano.insert(chunk.times_unix_nano.end(), block.times_unix_nano.begin(),
                                   block.times_unix_nano.end());
    }
    for (size_t i = 0; i < kFamily; ++i) {
      for (const Block& block : hour) {
        const std::span<const double> values = block.SeriesValues(family * kFamily + i);
        chunk.values.insert(chunk.values.end(), values.begin(), values.end());
      }
    }
    std::string data;
    encoder.Encode(groups, data);
    const shared::WallTime first = TimeOf(chunk.times_unix_nano.front());
    copy.BeginRow(10);
    copy.Int8(static_cast<int64_t>(family) + 1);
    copy.Timestamptz(std::chrono::floor<std::chrono::hours>(first + 5s));  // jitter
    copy.Int2(60);
    copy.Int4(1);
    copy.Timestamptz(first);
    copy.Timestamptz(TimeOf(chunk.times_unix_nano.back()));
    copy.Int4(static_cast<int32_t>(chunk.values.size()));
    copy.Int2(0);
    copy.Int2(collector::storage::kChunkFormat);
    copy.Bytea(data);
  }
  Must(copy.Finish());
}

void CopyNarrow(Connection& connection, std::span<const Block> day, int hosts) {
  Must(connection.Execute("CREATE TABLE public.narrow (series int8, ts timestamptz, v float8)"));
  CopyIn copy = Must(CopyIn::Begin(connection, "COPY public.narrow FROM STDIN (FORMAT binary)"));
  const size_t fleet_from = day.size() - kBlocksOfHour;
  for (size_t i = 0; i < day.size(); ++i) {
    const auto put = [&](int64_t id, size_t tick, double value) {
      copy.BeginRow(3);
      copy.Int8(id);
      copy.Timestamptz(TimeOf(day[i].times_unix_nano[tick]));
      copy.Float8(value);
    };
    for (size_t tick = 0; tick < kTicks; ++tick) {
      for (size_t series = 0; series < kSeries; ++series) {
        put(static_cast<int64_t>(series) + 1, tick, day[i].SeriesValues(series)[tick]);
      }
      for (int host = 2; i >= fleet_from && host <= hosts; ++host) {
        put(int64_t{host} * kSeries, tick, day[i].SeriesValues(kFleetSeries)[tick]);
      }
    }
  }
  Must(copy.Finish());
  Must(connection.Execute("CREATE INDEX ON public.narrow (series, ts)"));
}

// The rollups of 29 days before the day, each like it; and the same days of one series as rows.
void MakeRollups(Connection& connection, std::span<const Block> day, shared::WallTime midnight) {
  using collector::storage::Bucket;
  using collector::storage::RollupEncoder;
  using collector::storage::RollupRow;
  const collector::storage::RollupTier tiers[] = {collector::storage::kFiveMinuteTier,
                                                  collector::storage::kHourTier};
  std::vector<std::vector<Bucket>> five_minutes(kSeries);
  std::vector<std::vector<SampleRow>> samples(kSeries);
  for (const Block& block : day) {
    for (size_t tick = 0; tick < kTicks; ++tick) {
      for (size_t series = 0; series < kSeries; ++series) {
        samples[series].push_back({block.times_unix_nano[tick], block.SeriesValues(series)[tick]});
      }
    }
  }
  for (size_t series = 0; series < kSeries; ++series) {
    MakeBuckets(samples[series], {midnight, midnight + 24h}, 5min, five_minutes[series]);
  }
  for (int back = 1; back < 30; ++back) {
    const int64_t by = std::chrono::nanoseconds(24h * back).count();
    const shared::WallTime begin = midnight - 24h * back;
    for (const auto& tier : tiers) {
      std::vector<RollupRow> rows;
      RollupEncoder encoder(shared::ToUnixNanos(begin), tier.step, tier.slots);
      for (size_t family = 0; family < kSeries / kFamily; ++family) {
        encoder.Clear(shared::ToUnixNanos(begin));
        for (size_t ord = 0; ord < kFamily; ++ord) {
          std::vector<Bucket> buckets;
          WidenBuckets(five_minutes[family * kFamily + ord], tier.step, buckets);
          for (Bucket& bucket : buckets) bucket.start_unix_nano -= by;
          encoder.Add(static_cast<int16_t>(ord), false, buckets);
        }
        rows.push_back({static_cast<int64_t>(family) + 1, 1, encoder.row()});
      }
      Must(ReplaceRollups(connection, tier, begin, rows));
    }
  }
  // As compaction leaves it: the day itself has no rollups yet.
  Must(connection.Execute(
      fmt::format("INSERT INTO pgvigil.rollup_dirty (host_id, hour) SELECT 1,"
                  " to_timestamp({}) + i * interval '1 hour' FROM generate_series(0, 23) i",
                  shared::ToUnixNanos(midnight) / 1'000'000'000)));
  Must(connection.Execute(
      fmt::format("INSERT INTO public.narrow SELECT series, ts - d * interval '1 day', v"
                  " FROM public.narrow, generate_series(1, 29) d WHERE series = {}",
                  kAskedSeries)));
}

struct Latency {
  double p50_ms = 0;
  double p99_ms = 0;
  size_t samples = 0;
};

// `ask` returns how many samples it got.
Latency Measure(int times, const std::function<size_t()>& ask) {
  Latency out;
  std::vector<double> took;
  for (int i = -3; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    out.samples = ask();
    const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - begin;
    if (i >= 0) took.push_back(ms.count());
  }
  std::sort(took.begin(), took.end());
  out.p50_ms = took[took.size() / 2];
  out.p99_ms = took[(took.size() * 99 - 1) / 100];
  return out;
}

// The same from narrow rows, to the same end: samples by series.
size_t AskNarrow(Connection& connection, const std::string& series, const TimeRange& range) {
  const auto micros = [](shared::WallTime time) {
    return std::to_string(shared::ToUnixNanos(time) / 1000);
  };
  const auto rows = Must(connection.QueryBinary(
      "SELECT series, ts, v FROM public.narrow WHERE series = ANY ($1::int8[])"
      " AND ts >= to_timestamp($2::int8 / 1e6) AND ts < to_timestamp($3::int8 / 1e6)",
      {series, micros(range.from), micros(range.to)}));
  std::map<int64_t, std::vector<SampleRow>> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out[rows.Int8(row, 0)].push_back(
        {rows.UnixMicros(row, 1) * 1000, std::bit_cast<double>(rows.Int8(row, 2))});
  }
  return rows.size();
}

// The average by time, as a program would ask narrow rows for it.
size_t AskNarrowAverages(Connection& connection, const std::string& series, const TimeRange& range,
                         std::chrono::seconds step) {
  const auto micros = [](shared::WallTime time) {
    return std::to_string(shared::ToUnixNanos(time) / 1000);
  };
  const auto rows = Must(connection.QueryBinary(
      fmt::format("SELECT series, date_bin('{} s', ts, '2000-01-01 00:00+00'), avg(v)"
                  " FROM public.narrow WHERE series = ANY ($1::int8[])"
                  " AND ts >= to_timestamp($2::int8 / 1e6) AND ts < to_timestamp($3::int8 / 1e6)"
                  " GROUP BY 1, 2 ORDER BY 1, 2",
                  step.count()),
      {series, micros(range.from), micros(range.to)}));
  std::vector<SampleRow> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({rows.UnixMicros(row, 1) * 1000, std::bit_cast<double>(rows.Int8(row, 2))});
  }
  return out.size();
}

}  // namespace

int main(int argc, char** argv) {
  const int hosts = argc > 1 ? std::atoi(argv[1]) : 1000;
  const tests::PostgresServer server({.settings = {{"shared_buffers", "2GB"},
                                                   {"max_wal_size", "8GB"},
                                                   {"wal_compression", "lz4"},
                                                   {"autovacuum", "off"}}});
  server.Execute("CREATE DATABASE pgvigil");
  Connection connection = server.Connect("pgvigil");
  Must(collector::storage::Migrate(connection, collector::storage::EmbeddedMigrations()));

  std::vector<Block> day =
      shared::bench::MakeHostBlocks(1, kSeries, kTicks, kBlocksOfHour * kHours);
  // From midnight to midnight.
  const int64_t first = day.front().times_unix_nano.front();
  const int64_t hour_nanos = std::chrono::nanoseconds(1h).count();
  const int64_t shift = 24 * hour_nanos - first % (24 * hour_nanos);
  for (Block& block : day) {
    for (int64_t& time : block.times_unix_nano) time += shift;
  }
  const shared::WallTime now =
      std::chrono::ceil<std::chrono::seconds>(TimeOf(day.back().times_unix_nano.back() + 1));
  collector::storage::PartitionKeeper partitions;
  std::set<collector::storage::Partition> wanted;
  for (const Block& block : day) {
    const shared::WallTime time = TimeOf(block.times_unix_nano.front());
    if (&block >= &day[kBlocksFrom * kBlocksOfHour]) {
      wanted.insert(PartitionOf(collector::storage::kBlockTable, time));
    }
    wanted.insert(PartitionOf(collector::storage::kChunkHoursTable, time));
    wanted.insert(PartitionOf(collector::storage::kChunkMinutesTable, time));
  }
  Must(partitions.Ensure(connection, wanted));
  MakeCatalogue(connection, hosts);
  const std::span<const Block> all(day);
  for (size_t hour = 0; hour + 1 < kHours; ++hour) {
    CopyChunks(connection, all.subspan(hour * kBlocksOfHour, kBlocksOfHour));
  }
  // What is in chunks, too, until retention takes it.
  CopyBlocks(connection,
             all.subspan(kBlocksFrom * kBlocksOfHour, (kHours - 1 - kBlocksFrom) * kBlocksOfHour),
             1);
  Must(
      connection.Execute("INSERT INTO pgvigil.compacted_window SELECT host_id, window_start, "
                         "blocks, fingerprint, 0, 0, 0"
                         " FROM pgvigil.uncompacted_windows('-infinity', 'infinity')"));
  CopyBlocks(connection, all.subspan((kHours - 1) * kBlocksOfHour), hosts);
  CopyNarrow(connection, all, hosts);
  const shared::WallTime midnight =
      std::chrono::floor<std::chrono::days>(TimeOf(first + shift) + 1h);
  for (int back = 1; back < 30; ++back) {
    wanted.insert(PartitionOf(collector::storage::kRollup5mTable, midnight - 24h * back));
    wanted.insert(PartitionOf(collector::storage::kRollup1hTable, midnight - 24h * back));
  }
  Must(partitions.Ensure(connection, wanted));
  MakeRollups(connection, all, midnight);
  Must(connection.Execute("VACUUM ANALYZE"));
  Must(connection.Execute("CHECKPOINT"));

  const BenchClock clock(now);
  shared::metrics::Registry registry;
  collector::storage::Readiness readiness;
  readiness.Set({});
  collector::storage::ReaderOptions options;
  options.connect = server.Options("pgvigil");
  options.newest_bytes = size_t{512} << 20;
  const auto begin = std::chrono::steady_clock::now();
  collector::storage::IndexOptions index_options;
  index_options.connect = options.connect;
  collector::storage::IndexKeeper index(index_options, clock, readiness, registry);
  collector::storage::Reader reader(options, clock, readiness, registry, &index);
  const auto tells = [&](std::string_view metric) {
    return registry.Expose().find(fmt::format("\n{} 0", metric)) == std::string::npos;
  };
  while (!tells("collector_newest_complete") || !tells("collector_index_series")) {
    std::this_thread::sleep_for(10ms);
  }
  const double load_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double bytes =
      registry.AddGauge("collector_newest_bytes", "Memory of the newest minutes").value();

  const auto ask = [&](const collector::api::SeriesSelector& selector, const TimeRange& range,
                       std::chrono::seconds step) {
    const collector::api::QueryContext context{{1}, clock.Monotonic() + 30s};
    collector::api::SampleQuery query{selector, range, step, 10'000, 10'000'000, {}};
    if (step > 0s) query.aggregate = collector::api::SampleAggregate::kAvg;
    const auto answer = Must(reader.Samples(context, query));
    size_t samples = 0;
    for (const auto& series : answer.series) samples += series.samples.size();
    return samples;
  };
  Connection narrow = server.Connect("pgvigil");
  std::string host_ids, fleet_ids;
  for (uint32_t i = 1; i <= kSeries; ++i) host_ids += fmt::format("{}{}", i == 1 ? "" : ",", i);
  for (int host = 1; host <= hosts; ++host) {
    fleet_ids += fmt::format("{}{}", host == 1 ? "" : ",", int64_t{host} * kSeries);
  }
  struct Question {
    std::string_view name;
    collector::api::SeriesSelector selector;
    std::string narrow_ids;
    TimeRange range;
    int times;
    std::chrono::seconds step{};  // zero: every sample
  };
  const Question questions[] = {
      {"series_24h",
       {"bench.metric_20", "host-1", {{"index", "203"}}},
       fmt::format("{{{}}}", kAskedSeries),
       {now - 24h, now},
       300},
      {"host_1h", {"", "host-1", {}}, "{" + host_ids + "}", {now - 10h, now - 9h}, 200},
      {"fleet_1h", {"bench.fleet", {}, {}}, "{" + fleet_ids + "}", {now - 1h, now}, 100},
      {"rollup_30d",
       {"bench.metric_20", "host-1", {{"index", "203"}}},
       fmt::format("{{{}}}", kAskedSeries),
       {midnight - 29 * 24h, midnight + 24h},
       300,
       1h},
      {"rollup_5m_30d",
       {"bench.metric_20", "host-1", {{"index", "203"}}},
       fmt::format("{{{}}}", kAskedSeries),
       {midnight - 29 * 24h, midnight + 24h},
       100,
       5min}};
  std::string out = fmt::format(
      "{{\"name\":\"read_latency\",\"hosts\":{},\"newest_load_s\":{:.1f},"
      "\"newest_bytes_per_sample\":{:.2f}",
      hosts, load_s, bytes / (static_cast<double>(hosts) * kSeries * kTicks * kBlocksOfHour));
  bool equal = true;
  for (const Question& question : questions) {
    const Latency ours = Measure(
        question.times, [&] { return ask(question.selector, question.range, question.step); });
    const Latency rows = Measure(question.times / 5, [&] {
      return question.step > 0s
                 ? AskNarrowAverages(narrow, question.narrow_ids, question.range, question.step)
                 : AskNarrow(narrow, question.narrow_ids, question.range);
    });
    equal = equal && ours.samples == rows.samples;
    out += fmt::format(
        ",\"p50_ms_{0}\":{1:.2f},\"p99_ms_{0}\":{2:.2f},\"samples_{0}\":{3},"
        "\"narrow_p50_ms_{0}\":{4:.2f},\"narrow_p99_ms_{0}\":{5:.2f},\"narrow_ratio_{0}\":{6:.1f}",
        question.name, ours.p50_ms, ours.p99_ms, ours.samples, rows.p50_ms, rows.p99_ms,
        rows.p50_ms / ours.p50_ms);
    if (ours.samples != rows.samples) {
      fmt::print(stderr, "{}: {} samples, narrow rows have {}\n", question.name, ours.samples,
                 rows.samples);
    }
  }
  fmt::print("{}}}\n", out);
  return equal ? 0 : 1;
}
