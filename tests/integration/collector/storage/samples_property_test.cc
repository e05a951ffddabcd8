#include <fmt/format.h>

#include <bit>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "collector/storage/compaction/compaction.h"
#include "collector/storage/reader.h"
#include "collector/storage/session.h"
#include "collector/storage/sql_text.h"
#include "tests/integration/collector/storage/store_fixture.h"

// Random blocks in random order, late ones too; compaction and the dropping of compacted partitions
// at random moments; random questions. Whoever answers (with and without memory) says what a model
// says that knows of no tier.
namespace tests {
namespace {

using collector::api::SampleQuery;
using collector::api::SeriesSamples;
using collector::api::TimeRange;
using collector::storage::Compaction;
using collector::storage::Reader;
using collector::storage::ReaderOptions;
using shared::postgres::Connection;

constexpr int kHosts = 3;
constexpr size_t kLayouts = 2;
constexpr size_t kLayoutSeries = 20;  // test.value{n="0"} …; the second layout begins at
constexpr size_t kSecondLayout = 12;  // this one: they share eight series
constexpr int64_t kBack = 3 * 3600;   // seconds before now in which blocks begin
constexpr double kStale = std::bit_cast<double>(shared::model::kStaleBits);

// What a sample came with: of two the lesser counts (sample_merge.h).
using Origin = std::pair<int64_t, size_t>;  // first time, layout
struct Sample {
  Origin origin;
  double value = 0;
};
using Model = std::map<std::pair<int, size_t>, std::map<int64_t, Sample>>;  // (host, n), time

shared::model::Layout LayoutFrom(size_t first) {
  shared::model::Layout layout;
  for (size_t i = 0; i < kLayoutSeries; ++i) {
    layout.series.push_back({"test.value",
                             "By",
                             shared::model::MetricKind::kGauge,
                             {{"n", std::to_string(first + i)}}});
  }
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

class SamplesProperty : public StoreTest {
 protected:
  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    StoreOptions store = Options(server_);
    store.maintains = false;  // compaction runs when told
    auto opened = Store::Open(std::move(store), clock_, registry_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    WaitUntilReady(*store_);
    ReaderOptions options;
    options.connect = server_.Options("pgvigil");
    options.newest_bytes = 0;
    readiness_.Set({});
    plain_ = std::make_unique<Reader>(options, clock_, readiness_, other_registry_);
  }

  // Values may contradict what is there only while nothing is compacted: what is in a chunk stays.
  void AddRandomBlock(std::mt19937_64& random, bool contradict) {
    const int host = 1 + static_cast<int>(random() % kHosts);
    const size_t which = random() % kLayouts;
    const size_t first_series = which * kSecondLayout;
    const size_t ticks = 1 + random() % 30;
    const int64_t first =
        kStart - static_cast<int64_t>(random() % (kBack / 10)) * 10 * kSecond + host * 1'234'567;
    const Origin origin{first / 1000, which};
    if (!keys_.insert({host, origin}).second) return;
    shared::model::Block block;
    block.series = kLayoutSeries;
    for (size_t tick = 0; tick < ticks; ++tick) {
      block.times_unix_nano.push_back(first + static_cast<int64_t>(tick) * 10 * kSecond);
    }
    for (size_t i = 0; i < kLayoutSeries; ++i) {
      auto& known = model_[{host, first_series + i}];
      for (const int64_t time : block.times_unix_nano) {
        double value = static_cast<double>(random() % 100'000) / 10;
        const auto found = known.find(time);
        if (found != known.end() && !contradict) value = found->second.value;
        if (random() % 20 == 0) value = kStale;
        block.values.push_back(value);
        if (std::bit_cast<uint64_t>(value) == shared::model::kStaleBits) continue;
        Sample& sample = known.try_emplace(time, Sample{origin, value}).first->second;
        if (origin < sample.origin) sample = {origin, value};
      }
    }
    pgvigil::v1::Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, host, ++sequences_[host]);
    if (sequences_[host] == 1) {
      for (size_t i = 0; i < kLayouts; ++i) AddLayout(batch, LayoutFrom(i * kSecondLayout));
    }
    AddBlock(batch, LayoutFrom(first_series), block);
    const auto reply = Submit(*store_, std::move(batch));
    ASSERT_TRUE(reply) << reply.error().message;
    ASSERT_EQ(reply->refusals_size(), 0) << reply->refusals(0).example();
  }

  // As a collector does that just became the owner of maintenance.
  void Compact(Connection& connection, int64_t seconds_ago) {
    Compaction compaction({}, partitions_, other_registry_);
    const auto now = clock_.Now() - std::chrono::seconds(seconds_ago);
    for (int i = 0; i < 1000; ++i) {
      const auto pause = compaction.Run(connection, now, {});
      ASSERT_TRUE(pause) << pause.error().message;
      if (pause->count() > 0) return;
    }
    FAIL() << "compaction finds no end";
  }

  // As retention does: an hour of blocks, when all of it is in chunks.
  void DropCompactedBlocks(std::mt19937_64& random) {
    const collector::storage::Partition hour = collector::storage::PartitionOf(
        collector::storage::kBlockTable, clock_.Now() - std::chrono::hours(2 + random() % 2));
    const std::string left =
        Ask(fmt::format("SELECT count(*) FROM pgvigil.uncompacted_windows('{}', '{}')",
                        collector::storage::FormatTimestamp(hour.from),
                        collector::storage::FormatTimestamp(hour.to)));
    if (left != "0") return;
    server_.Execute(fmt::format("DROP TABLE IF EXISTS pgvigil.{}", hour.name), "pgvigil");
  }

  void CheckRandomQuestion(std::mt19937_64& random, std::string_view when) {
    SampleQuery query;
    query.selector.name = "test.value";
    if (random() % 2 == 0) query.selector.host = fmt::format("db-{}", 1 + random() % kHosts);
    if (random() % 2 == 0) {
      query.selector.labels = {{"n", std::to_string(random() % (kSecondLayout + kLayoutSeries))}};
    }
    const auto moment = [&] {
      return kStart - static_cast<int64_t>(random() % (kBack + 600)) * kSecond + 300 * kSecond +
             static_cast<int64_t>(random() % 3) * 1'234'567;
    };
    const int64_t a = moment();
    const int64_t b = random() % 3 == 0 ? kStart + 3600 * kSecond : moment();
    query.range = {shared::FromUnixNanos(std::min(a, b)),
                   shared::FromUnixNanos(std::max(a, b) + 1)};
    query.series_limit = 1000;
    query.sample_limit = 1'000'000;
    Check(store_->reader(), query, fmt::format("{}, with memory", when));
    Check(*plain_, query, fmt::format("{}, without memory", when));
  }

  void Check(collector::api::TelemetryReader& reader, const SampleQuery& query,
             const std::string& when) {
    const auto answer = reader.Samples(Context(), query);
    ASSERT_TRUE(answer) << when << ": " << answer.error().message;
    for (const SeriesSamples& one : answer->series) {
      const int host = one.series.host_name.back() - '0';
      const auto& known = model_[{host, std::stoul(one.series.labels.back().value)}];
      auto expected = known.lower_bound(shared::ToUnixNanos(query.range.from));
      const auto end = known.lower_bound(shared::ToUnixNanos(query.range.to));
      const std::string where =
          fmt::format("{}: host {} n {}", when, host, one.series.labels.back().value);
      ASSERT_EQ(one.samples.size(), static_cast<size_t>(std::distance(expected, end))) << where;
      for (const auto& sample : one.samples) {
        ASSERT_EQ(sample.time_unix_nano, expected->first) << where;
        ASSERT_EQ(sample.value, expected->second.value) << where << " at " << expected->first;
        ++expected;
      }
    }
  }

  // True once questions are answered from memory, or too late.
  bool WaitForMemory() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (registry_.Expose().find("\ncollector_newest_complete 1") == std::string::npos) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }

  collector::storage::Readiness readiness_;
  collector::storage::PartitionKeeper partitions_;
  shared::metrics::Registry other_registry_;
  std::unique_ptr<Reader> plain_;
  Model model_;
  std::set<std::pair<int, Origin>> keys_;
  std::map<int, uint64_t> sequences_;
};

TEST_F(SamplesProperty, AnswersAreTheSameWhereverTheSamplesAre) {
  constexpr uint64_t kSeed = 20261121;
  std::mt19937_64 random(kSeed);
  ASSERT_TRUE(WaitForMemory());
  auto connection = collector::storage::OpenWriteSession(server_.Options("pgvigil"), "test");
  ASSERT_TRUE(connection) << connection.error().message;
  ASSERT_TRUE(partitions_.Reload(*connection));
  for (int i = 0; i < 60; ++i) {
    AddRandomBlock(random, true);
    if (HasFatalFailure()) return;
  }
  for (int step = 0; step < 250; ++step) {
    const uint64_t what = random() % 10;
    if (what < 4) {
      AddRandomBlock(random, false);
    } else if (what == 4 && step > 10) {
      Compact(*connection, static_cast<int64_t>(random() % kBack));
    } else if (what == 5) {
      DropCompactedBlocks(random);
    } else {
      CheckRandomQuestion(random, fmt::format("seed {} step {}", kSeed, step));
    }
    if (HasFatalFailure()) return;
  }
  Compact(*connection, -3600);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.uncompacted_windows('2025-12-31 00:00+00',"
                " '2026-01-02 00:00+00')"),
            "0");
  for (int i = 0; i < 30; ++i) CheckRandomQuestion(random, "when all is compacted");
}

}  // namespace
}  // namespace tests
