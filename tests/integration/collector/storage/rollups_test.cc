#include "collector/storage/rollups/rollups.h"

#include <algorithm>
#include <thread>

#include "collector/storage/compaction/compaction_state.h"
#include "collector/storage/reader.h"
#include "collector/storage/rollups/exact_sum.h"
#include "collector/storage/sample_tiers.h"
#include "tests/integration/collector/storage/chunk_world.h"
#include "tests/support/fake_clock.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using collector::api::SampleAggregate;
using collector::api::SampleQuery;
using collector::api::SampleRow;
using collector::api::SeriesSamples;
using collector::storage::Bucket;
using collector::storage::Rollups;
using collector::storage::SampleTier;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::Rows;

constexpr int64_t kMinute = 60 * kNanosPerSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr SampleAggregate kAll[] = {SampleAggregate::kMin,      SampleAggregate::kMax,
                                    SampleAggregate::kAvg,      SampleAggregate::kSum,
                                    SampleAggregate::kCount,    SampleAggregate::kLast,
                                    SampleAggregate::kIncrease, SampleAggregate::kRate};

// Series 2, 6, 10 … grow with time and are counters, as are 1, 5, 9 …, which fall all the time.
bool IsCounter(int64_t series) {
  return series % 4 == 1 || series % 4 == 2;
}

double ValueOf(const Bucket& bucket, SampleAggregate aggregate, std::chrono::milliseconds step) {
  const double values[] = {bucket.min,
                           bucket.max,
                           bucket.sum / static_cast<double>(bucket.count),
                           bucket.sum,
                           static_cast<double>(bucket.count),
                           bucket.last,
                           bucket.increase,
                           bucket.increase / std::chrono::duration<double>(step).count()};
  return values[static_cast<size_t>(aggregate)];
}

class RollupsTest : public ChunkWorld {
 protected:
  void SetUp() override {
    ChunkWorld::SetUp();
    Do("UPDATE pgvigil.series SET kind = 2 WHERE id % 4 IN (1, 2)");
    ASSERT_TRUE(connection_->Execute("SET TimeZone = 'UTC'"));
    StartRollups();
    collector::storage::ReaderOptions options;
    options.connect = server_.Options("pgvigil");
    options.newest_bytes = 0;
    readiness_.Set({});
    reader_ =
        std::make_unique<collector::storage::Reader>(options, clock_, readiness_, reader_registry_);
  }

  void StartRollups() {
    rollups_ =
        std::make_unique<Rollups>(collector::storage::RollupOptions{}, partitions_, registry_);
  }

  // Until nothing is left to do for a collector whose clock says `now`.
  Result<void> Roll(int64_t now) {
    for (;;) {
      const auto pause = rollups_->Run(*connection_, shared::FromUnixNanos(now), {});
      if (!pause) return tl::make_unexpected(pause.error());
      if (pause->count() == 0) continue;
      const auto again = rollups_->Run(*connection_, shared::FromUnixNanos(now), {});
      if (!again) return tl::make_unexpected(again.error());
      if (Ask(fmt::format("SELECT count(*) FROM pgvigil.rollup_dirty WHERE hour < '{}'",
                          collector::storage::FormatTimestamp(std::chrono::floor<std::chrono::days>(
                              shared::FromUnixNanos(now - 20 * kMinute))))) == "0") {
        return {};
      }
    }
  }

  Result<collector::api::SampleAnswer> AskSamples(const SampleQuery& query) {
    return reader_->Samples({{1}, clock_.Monotonic() + 20s}, query);
  }

  SampleQuery Query(int64_t from, int64_t to, std::chrono::milliseconds step,
                    SampleAggregate aggregate) {
    SampleQuery query;
    query.range = {shared::FromUnixNanos(from), shared::FromUnixNanos(to)};
    query.step = step;
    query.series_limit = 1000;
    query.sample_limit = 1'000'000;
    query.aggregate = aggregate;
    return query;
  }

  // What a model that knows of no tier says of a series.
  std::vector<Bucket> Expected(int64_t series, int64_t from, int64_t to,
                               std::chrono::milliseconds step) {
    std::vector<SampleRow> samples;
    for (auto one = truth_.lower_bound({series, INT64_MIN});
         one != truth_.end() && one->first.first == series; ++one) {
      samples.push_back({one->first.second, std::bit_cast<double>(one->second)});
    }
    const std::chrono::nanoseconds nanos = step;
    const int64_t begin = from - from % nanos.count();
    const int64_t end = begin + (to - begin + nanos.count() - 1) / nanos.count() * nanos.count();
    const SampleTier tier = collector::storage::CoarsestTier(step);
    const std::chrono::nanoseconds narrow = tier == SampleTier::kMeasured ? nanos : 5min;
    std::vector<Bucket> buckets;
    MakeBuckets(samples, {shared::FromUnixNanos(begin), shared::FromUnixNanos(end)}, narrow,
                buckets);
    for (const std::chrono::nanoseconds wider : {std::chrono::nanoseconds(1h), nanos}) {
      if (tier == SampleTier::kMeasured || (tier != SampleTier::kHour && wider == 1h)) continue;
      std::vector<Bucket> wide;
      WidenBuckets(buckets, wider, wide);
      buckets.swap(wide);
    }
    return buckets;
  }

  void Check(const SampleQuery& query, const std::string& when) {
    const auto answer = AskSamples(query);
    ASSERT_TRUE(answer) << when << ": " << answer.error().message;
    EXPECT_EQ(answer->resolution, ResolutionOf(collector::storage::CoarsestTier(query.step)));
    for (const SeriesSamples& one : answer->series) {
      const auto expected = Expected(one.series.id, shared::ToUnixNanos(query.range.from),
                                     shared::ToUnixNanos(query.range.to), query.step);
      const std::string where =
          fmt::format("{}: series {} step {} aggregate {}", when, one.series.id, query.step.count(),
                      static_cast<int>(*query.aggregate));
      ASSERT_EQ(one.samples.size(), expected.size()) << where;
      for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(one.samples[i].time_unix_nano, expected[i].start_unix_nano) << where;
        const double value = ValueOf(expected[i], *query.aggregate, query.step);
        ASSERT_EQ(std::bit_cast<uint64_t>(collector::storage::Canonical(one.samples[i].value)),
                  std::bit_cast<uint64_t>(collector::storage::Canonical(value)))
            << where << " at " << expected[i].start_unix_nano << ": " << one.samples[i].value
            << ", not " << value;
      }
    }
  }

  // What SQL says, against the same model; every bucket of the days that are rolled up.
  void CheckView(std::string_view view, std::chrono::milliseconds step, int64_t from, int64_t to) {
    auto rows = connection_->Query(fmt::format(
        "SELECT series_id, (extract(epoch FROM time) * 1000000)::int8, min, max, sum, count, last,"
        " increase, avg FROM pgvigil.{} ORDER BY 1, 2",
        view));
    ASSERT_TRUE(rows) << rows.error().message;
    size_t row = 0;
    for (int64_t series = 1; series <= 80; ++series) {
      for (const Bucket& bucket : Expected(series, from, to, step)) {
        ASSERT_LT(row, rows->size());
        const std::string where = fmt::format("{} row {} series {}", view, row, series);
        ASSERT_EQ(rows->Int(row, 0), series) << where;
        ASSERT_EQ(rows->Int(row, 1), bucket.start_unix_nano / 1000) << where;
        const double expected[] = {bucket.min,  bucket.max,
                                   bucket.sum,  static_cast<double>(bucket.count),
                                   bucket.last, bucket.increase};
        for (size_t i = 0; i < std::size(expected); ++i) {
          if (i == 5 && !IsCounter(series)) {
            ASSERT_TRUE(rows->IsNull(row, 2 + i)) << where;
            continue;
          }
          const double value = rows->Double(row, 2 + i).value_or(-1);
          ASSERT_EQ(std::bit_cast<uint64_t>(collector::storage::Canonical(value)),
                    std::bit_cast<uint64_t>(expected[i]))
              << where << " column " << i << ": " << value << ", not " << expected[i];
        }
        ++row;
      }
    }
    EXPECT_EQ(row, rows->size());
  }

  FakeClock clock_;
  collector::storage::Readiness readiness_;
  shared::metrics::Registry reader_registry_;
  std::unique_ptr<collector::storage::Reader> reader_;
  std::unique_ptr<Rollups> rollups_;
};

TEST_F(RollupsTest, AreMadeOfDaysThatAreOver) {
  for (int hour = 0; hour < 30; ++hour) {
    AddBlock(1, kWorldStart + hour * kHour, 10 * kNanosPerSecond, 300);
  }
  now_ = kWorldStart + 31 * kHour;
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(kWorldStart + kDay + 10 * kMinute));
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.rollup_5m"), "0");
  ASSERT_TRUE(Roll(kWorldStart + kDay + 20 * kMinute));
  EXPECT_EQ(Ask("SELECT string_agg(DISTINCT window_start::text, ', ') FROM pgvigil.rollup_5m"),
            "2026-01-01 00:00:00+00");
  EXPECT_EQ(Ask("SELECT min(hour) FROM pgvigil.rollup_dirty"), "2026-01-02 00:00:00+00");
  EXPECT_EQ(Metric("collector_rollup_lag_seconds"), 0);
  EXPECT_EQ(Metric("collector_rollup_days_total"), 1);
  CheckView("rollup_5m_samples", 5min, kWorldStart, kWorldStart + kDay);
  CheckView("rollup_1h_samples", 1h, kWorldStart, kWorldStart + kDay);
  clock_.Advance(std::chrono::hours(31));
  for (const SampleAggregate aggregate : {SampleAggregate::kAvg, SampleAggregate::kLast}) {
    Check(Query(kWorldStart, kWorldStart + 2 * kDay, 1h, aggregate), "two days");
  }
}

TEST_F(RollupsTest, AreMadeAgainOfLateDataAndOnlyThen) {
  AddBlock(1, kWorldStart + 23 * kHour, 10 * kNanosPerSecond, 300);
  AddBlock(1, kWorldStart + kDay, 10 * kNanosPerSecond, 300);
  now_ = kWorldStart + 3 * kDay;
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(now_));
  const std::string rows = Ask("SELECT count(*) FROM pgvigil.rollup_5m");
  const double written = Metric("collector_rollup_rows_total{step=\"5m\"}");
  EXPECT_EQ(std::to_string(static_cast<int>(written)), rows);
  // Marked again, nothing new: nothing is written.
  Do("INSERT INTO pgvigil.rollup_dirty (host_id, hour) VALUES (1, '2026-01-01 23:00+00')");
  ASSERT_TRUE(Roll(now_));
  EXPECT_EQ(Metric("collector_rollup_rows_total{step=\"5m\"}"), written);
  // The day's last samples are the first ones' before of the next day.
  AddBlock(1, kWorldStart + kDay - 5 * kMinute, 10 * kNanosPerSecond, 10);
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(now_));
  CheckView("rollup_5m_samples", 5min, kWorldStart, kWorldStart + 2 * kDay);
  CheckView("rollup_1h_samples", 1h, kWorldStart, kWorldStart + 2 * kDay);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.rollup_5m"), rows);
}

TEST_F(RollupsTest, KeepWhatTheySayOfSamplesThatAreGone) {
  AddBlock(1, kWorldStart + kHour, 10 * kNanosPerSecond, 300);
  now_ = kWorldStart + 2 * kDay;
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(now_));
  const std::string before = Ask("SELECT sum(count) FROM pgvigil.rollup_5m_samples");
  // Retention took the chunks; a straggler comes for the same day.
  Do("DELETE FROM pgvigil.chunk");
  AddBlock(1, kWorldStart + 3 * kHour + 30 * kMinute, 10 * kNanosPerSecond, 6);
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(now_));
  CheckView("rollup_5m_samples", 5min, kWorldStart, kWorldStart + kDay);
  EXPECT_GT(std::stoi(Ask("SELECT sum(count) FROM pgvigil.rollup_5m_samples")), std::stoi(before));
  EXPECT_GT(Metric("collector_rollup_kept_buckets_total"), 0);
}

TEST_F(RollupsTest, LeaveADamagedChunkOut) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 30);
  now_ = kWorldStart + 2 * kDay;
  ASSERT_TRUE(Compact());
  Do("UPDATE pgvigil.chunk SET data = set_byte(data, 6, get_byte(data, 6) # 1)"
     " WHERE family_id = (SELECT min(family_id) FROM pgvigil.chunk)");
  ASSERT_TRUE(Roll(now_));
  EXPECT_EQ(Metric("collector_rollup_damaged_chunks_total"), 1);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.rollup_dirty"), "0");
  EXPECT_NE(Ask("SELECT count(*) FROM pgvigil.rollup_5m"), "0");
}

TEST_F(RollupsTest, AreTriedAgainAfterADiskThatWasFull) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 300);
  now_ = kWorldStart + 2 * kDay;
  ASSERT_TRUE(Compact());
  Do("CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS"
     " 'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END'");
  Do("CREATE TRIGGER full_disk BEFORE INSERT ON pgvigil.rollup_1h FOR EACH ROW EXECUTE FUNCTION"
     " public.full_disk()");
  const Result<void> failed = Roll(now_);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, shared::ErrorCode::kResourceExhausted);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.rollup_5m"), "0");
  Do("DROP TRIGGER full_disk ON pgvigil.rollup_1h");
  ASSERT_TRUE(Roll(now_));
  CheckView("rollup_1h_samples", 1h, kWorldStart, kWorldStart + kDay);
}

TEST_F(RollupsTest, AreMadeAgainWhenSomebodyDroppedTheirPartition) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 300);
  now_ = kWorldStart + 2 * kDay;
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(now_));
  Do("DROP TABLE pgvigil.rollup_5m_20260101");
  Do("INSERT INTO pgvigil.rollup_dirty (host_id, hour) VALUES (1, '2026-01-01 00:00+00')");
  ASSERT_FALSE(Roll(now_));
  ASSERT_TRUE(Roll(now_));
  CheckView("rollup_5m_samples", 5min, kWorldStart, kWorldStart + kDay);
}

TEST_F(RollupsTest, HoldChunksBackFromRetention) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 300);
  now_ = kWorldStart + 2 * kDay;
  ASSERT_TRUE(Compact());
  const auto is_rolled_up = [&] {
    const auto answer =
        collector::storage::IsRolledUp(*connection_, shared::FromUnixNanos(kWorldStart),
                                       shared::FromUnixNanos(kWorldStart + kDay));
    EXPECT_TRUE(answer);
    return *answer;
  };
  EXPECT_FALSE(is_rolled_up());
  ASSERT_TRUE(Roll(now_));
  EXPECT_TRUE(is_rolled_up());
}

TEST_F(RollupsTest, RefuseQuestionsThatHaveNoAnswer) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  const auto message = [&](const SampleQuery& query) {
    const auto answer = AskSamples(query);
    EXPECT_FALSE(answer);
    return answer ? std::string() : answer.error().message;
  };
  SampleQuery query = Query(kWorldStart, kWorldStart + kDay, 0ms, SampleAggregate::kAvg);
  EXPECT_EQ(message(query), "an aggregate needs a step, 0 ms is none");
  query.step = 5min;
  query.aggregate = SampleAggregate::kIncrease;
  query.selector.name = "m3";
  query.selector.host = "h1";
  Do("UPDATE pgvigil.series SET kind = 1 WHERE metric_id = 3");
  EXPECT_EQ(message(query), "only counters have an increase; m3 of host h1 is a gauge");
  query = Query(kWorldStart, kWorldStart + kDay, 1s, SampleAggregate::kAvg);
  EXPECT_EQ(message(query),
            "86400 steps of 80 series are more than 1000000 values: ask for a longer step, a"
            " shorter time or fewer series");
}

// Whatever comes in whatever order, wherever compaction and rollups are and are cut: the same
// answers.
class RollupHistory : public RollupsTest {
 protected:
  void AddRandomBlock(std::mt19937_64& random) {
    const int layout = 1 + static_cast<int>(random() % 6);
    const int64_t minute = static_cast<int64_t>(random() % (3 * 24 * 12)) * 5;
    const int64_t first =
        kWorldStart + minute * kMinute + static_cast<int64_t>(random() % 300) * kNanosPerSecond;
    const int64_t interval = (random() % 5 == 0 ? 60 : 10) * kNanosPerSecond;
    AddBlock(layout, first, interval, 1 + random() % 100);
  }

  // Rolls up on a session that somebody ends at any moment.
  void RollAndKill(std::mt19937_64& random, int64_t now) {
    const int pid = connection_->backend_pid();
    const auto wait = std::chrono::microseconds(random() % 60'000);
    std::thread killer([&] {
      const auto end = std::chrono::steady_clock::now() + wait;
      while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
      server_.Execute(fmt::format("SELECT pg_terminate_backend({}, 10000)", pid));
    });
    (void)rollups_->Run(*connection_, shared::FromUnixNanos(now), {});
    killer.join();
    connection_.emplace(server_.Connect("pgvigil"));
    ASSERT_TRUE(connection_->Execute("SET TimeZone = 'UTC'"));
  }

  void DropCompactedBlocks(std::mt19937_64& random) {
    const WallTime from =
        shared::FromUnixNanos(kWorldStart + static_cast<int64_t>(random() % 72) * kHour);
    const auto partition = PartitionOf(collector::storage::kBlockTable, from);
    const Result<bool> compacted =
        collector::storage::IsCompacted(*connection_, partition.from, partition.to);
    ASSERT_TRUE(compacted);
    if (*compacted) Do("DROP TABLE IF EXISTS pgvigil." + partition.name);
  }

  void CheckRandomQuestion(std::mt19937_64& random, const std::string& when) {
    constexpr std::chrono::milliseconds kSteps[] = {5min, 10min, 1h, 1h, 2h, 24h, 7min, 65min};
    const SampleAggregate aggregate = kAll[random() % std::size(kAll)];
    const int64_t a = kWorldStart + static_cast<int64_t>(random() % (80 * 60)) * kMinute;
    const int64_t b = kWorldStart + static_cast<int64_t>(random() % (80 * 60)) * kMinute;
    SampleQuery query =
        Query(std::min(a, b), std::max(a, b) + 1, kSteps[random() % std::size(kSteps)], aggregate);
    if (aggregate == SampleAggregate::kIncrease || aggregate == SampleAggregate::kRate) {
      query.selector.name = "counters";
    }
    if (random() % 2 == 0) query.selector.host = random() % 2 == 0 ? "h1" : "h2";
    Check(query, when);
  }
};

TEST_F(RollupHistory, AnswersAreTheSameHoweverFarRollupsAre) {
  constexpr uint64_t kSeed = 20261122;
  Do("INSERT INTO pgvigil.metric (tenant_id, name) VALUES (1, 'counters')");
  Do("UPDATE pgvigil.series SET metric_id = (SELECT id FROM pgvigil.metric WHERE name ="
     " 'counters') WHERE kind = 2");
  clock_.Advance(std::chrono::hours(5 * 24));  // no day is today's
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 40; ++i) AddRandomBlock(random);
  for (int step = 0; step < 150; ++step) {
    const std::string when = fmt::format("seed {} step {}", kSeed, step);
    const int64_t clock = kWorldStart + static_cast<int64_t>(random() % 96) * kHour;
    const uint64_t action = random() % 10;
    if (action < 3) {
      AddRandomBlock(random);
    } else if (action == 3) {
      now_ = clock;
      const Result<void> done = Compact();
      ASSERT_TRUE(done) << when << ": " << done.error().message;
    } else if (action == 4) {
      const Result<void> done = Roll(clock);
      ASSERT_TRUE(done) << when << ": " << done.error().message;
    } else if (action == 5) {
      RollAndKill(random, kWorldStart + 4 * kDay);
      if (random() % 2 == 0) StartRollups();  // a restart
    } else if (action == 6) {
      DropCompactedBlocks(random);
    } else {
      CheckRandomQuestion(random, when);
    }
    if (HasFatalFailure()) return;
  }
  now_ = kWorldStart + 5 * kDay;
  ASSERT_TRUE(Compact());
  ASSERT_TRUE(Roll(now_));
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.rollup_dirty"), "0");
  for (int i = 0; i < 30; ++i) CheckRandomQuestion(random, "when all is rolled up");
  CheckView("rollup_5m_samples", 5min, kWorldStart, kWorldStart + 5 * kDay);
  CheckView("rollup_1h_samples", 1h, kWorldStart, kWorldStart + 5 * kDay);
}

TEST_F(RollupHistory, TwoOwnersAtOnceDoNoHarm) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 80; ++i) AddRandomBlock(random);
  now_ = kWorldStart + 5 * kDay;
  ASSERT_TRUE(Compact());
  const auto work = [&] {
    Connection connection = server_.Connect("pgvigil");
    collector::storage::PartitionKeeper partitions;
    shared::metrics::Registry registry;
    Rollups rollups({}, partitions, registry);
    for (int i = 0; i < 100; ++i) {
      const auto pause = rollups.Run(connection, shared::FromUnixNanos(now_), {});
      if (pause && pause->count() > 0 &&
          connection.Query("SELECT FROM pgvigil.rollup_dirty")->size() == 0) {
        return;
      }
    }
    ADD_FAILURE() << "not done";
  };
  std::thread other(work);
  work();
  other.join();
  CheckView("rollup_5m_samples", 5min, kWorldStart, kWorldStart + 5 * kDay);
}

}  // namespace
}  // namespace tests
