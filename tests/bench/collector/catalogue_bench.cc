// A million series of eight labels in PostgreSQL, loaded into the label index: how long that takes,
// what a series costs in memory, and how long typical matchers take; the same intersection of two
// labels by a GIN index in PostgreSQL, on a fifth of the series, for comparison. The last line is
// one JSON object.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>

#include "collector/api/selector_text.h"
#include "collector/storage/index/index_loader.h"
#include "collector/storage/migrations.h"
#include "shared/base/check.h"
#include "tests/support/postgres_server.h"

namespace {

using Clock = std::chrono::steady_clock;
using collector::storage::IndexLoader;
using collector::storage::SeriesFilter;
using collector::storage::SeriesIndex;
using shared::postgres::Connection;

constexpr int kHosts = 2000;
constexpr int kSeriesOfHost = 500;
constexpr int kGinSeries = kHosts * kSeriesOfHost / 5;
constexpr int kRuns = 100;

template <typename T>
T Must(shared::Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

double MillisecondsOf(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double Percentile(std::vector<double> times, double share) {
  std::sort(times.begin(), times.end());
  return times[static_cast<size_t>(static_cast<double>(times.size() - 1) * share)];
}

void FillCatalogue(Connection& connection) {
  Must(collector::storage::Migrate(connection, collector::storage::EmbeddedMigrations()));
  Must(connection.Query(fmt::format(
      "INSERT INTO pgvigil.host (tenant_id, host_key, name, resource)"
      " SELECT 1, 'key-' || h, 'db-' || h, '{{}}' FROM generate_series(1, {}) h ORDER BY h",
      kHosts)));
  Must(
      connection.Query("INSERT INTO pgvigil.metric (tenant_id, name)"
                       " SELECT 1, 'postgresql.metric.' || m FROM generate_series(0, 99) m"
                       " ORDER BY m"));
  Must(connection.Query(fmt::format(
      "INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint)"
      " SELECT 1 + i / {1}, 1 + i % 100, 1 + i % 2, 'By', jsonb_build_object("
      " 'job', 'postgres', 'env', (array['prod','stage','test'])[1 + (i / {1}) % 3],"
      " 'region', 'region-' || (i / {1}) % 5, 'postgresql.database.name', 'db' || i % 20,"
      " 'relation', 'table_' || (i::int8 * 7919) % 100000, 'mode', 'mode' || i % 8,"
      " 'device', 'sd' || i % 10, 'instance', 'db-' || 1 + i / {1} || ':5432'),"
      " md5(i::text)::uuid FROM generate_series(0, {0} - 1) i",
      kHosts * kSeriesOfHost, kSeriesOfHost)));
  Must(
      connection.Query(fmt::format("CREATE INDEX ON pgvigil.series USING gin"
                                   " (labels jsonb_path_ops) WHERE id <= {}",
                                   kGinSeries)));
  Must(connection.Query("ANALYZE pgvigil.series"));
}

SeriesFilter FilterOf(std::string_view text) {
  collector::api::SeriesSelector selector;
  selector.matchers = Must(collector::api::ParseSelector(text));
  return Must(SeriesFilter::Make(selector));
}

}  // namespace

int main() {
  const tests::PostgresServer server(
      {.settings = {
           {"shared_buffers", "1GB"}, {"max_wal_size", "8GB"}, {"maintenance_work_mem", "256MB"}}});
  Connection connection = server.Connect();
  FillCatalogue(connection);

  const shared::SystemClock clock;
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  SeriesIndex index(0);
  double load_s = 0;
  {
    IndexLoader loader(clock);
    const auto load = [&] {
      const auto loaded = loader.LoadAll(connection, index, {});
      CHECK(loaded.has_value());
    };
    load_s = MillisecondsOf(load) / 1000;
  }
  const size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
  CHECK(index.size() == static_cast<size_t>(kHosts) * kSeriesOfHost);

  constexpr const char* kSelectors[] = {
      R"(postgresql.metric.7{host="db-123"})",
      R"(postgresql.metric.7)",
      R"(postgresql.metric.7{host=~"db-1.*"})",
      R"({env="prod",postgresql.database.name="db3"})",
      R"({host=~"db-1[0-9]",mode!="mode3"})",
      R"({__name__=~"postgresql\\.metric\\.1.",region="region-2",env!="test"})",
      R"({relation="table_77"})",
      R"(postgresql.metric.7{relation=~"table_1.*",env=~"prod|stage"})",
  };
  std::vector<double> all;
  std::string each;
  for (const char* text : kSelectors) {
    std::vector<double> times;
    size_t found = 0;
    for (int run = 0; run < kRuns; ++run) {
      times.push_back(
          MillisecondsOf([&] { found = index.Select(1, FilterOf(text), 1000).size(); }));
    }
    all.insert(all.end(), times.begin(), times.end());
    fmt::print("{:70} {:5} series of an answer, p50 {:.3f} ms, p99 {:.3f} ms\n", text, found,
               Percentile(times, 0.5), Percentile(times, 0.99));
  }

  std::vector<double> by_index, by_gin;
  for (int run = 0; run < 20; ++run) {
    by_index.push_back(MillisecondsOf([&] {
      (void)index.Select(1, FilterOf(R"({instance="db-123:5432",mode="mode3"})"), 1000);
    }));
    by_gin.push_back(MillisecondsOf([&] {
      Must(connection.Query(
          fmt::format("SELECT id FROM pgvigil.series WHERE id <= {} AND labels @>"
                      " '{{\"instance\":\"db-123:5432\"}}' AND labels @> '{{\"mode\":\"mode3\"}}'",
                      kGinSeries)));
    }));
  }
  fmt::print(
      "{{\"load_s\": {:.2f}, \"bytes_per_series\": {:.0f}, \"match_ms\": {:.3f},"
      " \"match_p50_ms\": {:.3f}, \"series\": {}, \"labels\": 8,"
      " \"two_labels_ms\": {:.4f}, \"two_labels_gin_ms\": {:.3f}, \"gin_series\": {},"
      " \"gin_ratio\": {:.0f}}}\n",
      load_s, static_cast<double>(bytes) / static_cast<double>(index.size()), Percentile(all, 0.99),
      Percentile(all, 0.5), index.size(), Percentile(by_index, 0.5), Percentile(by_gin, 0.5),
      kGinSeries, Percentile(by_gin, 0.5) / Percentile(by_index, 0.5));
  return 0;
}
