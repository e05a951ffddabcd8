#include <thread>

#include "collector/storage/compaction/compaction_state.h"
#include "tests/integration/collector/storage/chunk_world.h"

namespace tests {
namespace {

using shared::Result;
using shared::postgres::Connection;

constexpr int64_t kMinute = 60 * kNanosPerSecond;
constexpr int64_t kHour = 60 * kMinute;

using CompactionTest = ChunkWorld;

TEST_F(CompactionTest, MakesShortChunksOfClosedWindowsAndLongOnesOfClosedHours) {
  for (int minute = 0; minute < 25; ++minute) {
    AddBlock(1, kWorldStart + minute * kMinute, 10 * kNanosPerSecond, 6);
  }
  now_ = kWorldStart + 25 * kMinute;
  ASSERT_TRUE(Compact());
  EXPECT_EQ(Ask("SELECT string_agg(DISTINCT span || ' ' || window_start, ', ') FROM pgvigil.chunk"),
            "10 2026-01-01 00:00:00+00, 10 2026-01-01 00:10:00+00");
  now_ = kWorldStart + kHour + 2 * kMinute;
  ASSERT_TRUE(Compact());
  EXPECT_EQ(Ask("SELECT string_agg(DISTINCT span || ' ' || window_start, ', ') FROM pgvigil.chunk"),
            "60 2026-01-01 00:00:00+00");
  EXPECT_EQ(ReadChunks(), truth_);
  EXPECT_EQ(Ask("SELECT string_agg(host_id || ' ' || hour, ', ') FROM pgvigil.rollup_dirty"),
            "1 2026-01-01 00:00:00+00");
  EXPECT_EQ(Metric("collector_compaction_lag_seconds"), 0);
}

TEST_F(CompactionTest, LeavesAnOpenWindowAlone) {
  AddBlock(1, kWorldStart + kMinute, 10 * kNanosPerSecond, 6);
  now_ = kWorldStart + 10 * kMinute + 30 * kNanosPerSecond;
  ASSERT_TRUE(Compact());
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.chunk"), "0");
}

TEST_F(CompactionTest, GivesEverySeriesOneFamilyOfItsHost) {
  for (int layout = 1; layout <= 6; ++layout) {
    AddBlock(layout, kWorldStart, 10 * kNanosPerSecond, 2);
  }
  now_ = kWorldStart + kHour;
  ASSERT_TRUE(Compact());
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.series s LEFT JOIN pgvigil.family f ON f.id ="
                " s.family_id AND f.host_id = s.host_id AND f.series_ids[s.family_ord + 1] = s.id"
                " WHERE f.id IS NULL"),
            "0");
  EXPECT_EQ(Ask("SELECT max(cardinality(series_ids)) <= 16 FROM pgvigil.family"), "t");
}

TEST_F(CompactionTest, AddsLateDataToTheChunkThatIsThere) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  now_ = kWorldStart + 12 * kMinute;
  ASSERT_TRUE(Compact());
  AddBlock(2, kWorldStart + kMinute, 10 * kNanosPerSecond, 6);
  ASSERT_TRUE(Compact());
  EXPECT_EQ(ReadChunks(), truth_);
  EXPECT_EQ(Metric("collector_compaction_late_windows_total"), 1);
  now_ = kWorldStart + 2 * kHour;
  ASSERT_TRUE(Compact());
  AddBlock(1, kWorldStart + 2 * kMinute, 10 * kNanosPerSecond, 6);
  ASSERT_TRUE(Compact());
  size_t doubles = 0;
  EXPECT_EQ(ReadChunks(&doubles), truth_);
  EXPECT_EQ(doubles, 0u);
  EXPECT_EQ(Ask("SELECT max(generation) FROM pgvigil.chunk WHERE span = 60"), "1");
}

TEST_F(CompactionTest, KeepsTheFirstOfTwoValuesAndCountsTheOther) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  now_ = kWorldStart + 12 * kMinute;
  ASSERT_TRUE(Compact());
  // Two ticks that are there, from a block that begins between two others.
  AddBlock(1, kWorldStart + 40 * kNanosPerSecond, 10 * kNanosPerSecond, 2, 4711);
  ASSERT_TRUE(Compact());
  const SampleSet found = ReadChunks();
  for (const auto& [key, bits] : truth_) {
    ASSERT_TRUE(found.contains(key));
    EXPECT_EQ(found.at(key), bits);
  }
  const double counted =
      Metric("collector_compaction_refused_samples_total{reason=\"duplicate_timestamp\"}");
  EXPECT_GT(counted, 0);
  // Once only, however often the window is compacted.
  AddBlock(1, kWorldStart + 5 * kMinute, 10 * kNanosPerSecond, 2);
  ASSERT_TRUE(Compact());
  EXPECT_EQ(Metric("collector_compaction_refused_samples_total{reason=\"duplicate_timestamp\"}"),
            counted);
}

TEST_F(CompactionTest, CountsADamagedBlockAndGoesOn) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  const SampleSet good = truth_;
  AddBlock(2, kWorldStart + kMinute, 10 * kNanosPerSecond, 6);
  AddBlock(3, kWorldStart + kMinute, 10 * kNanosPerSecond, 6);
  Do("UPDATE pgvigil.block SET data = set_byte(data, 20, get_byte(data, 20) # 1) WHERE layout_id = "
     "2");
  Do("UPDATE pgvigil.block SET layout_id = 99 WHERE layout_id = 3");
  now_ = kWorldStart + 12 * kMinute;
  ASSERT_TRUE(Compact());
  EXPECT_EQ(ReadChunks(), good);
  EXPECT_EQ(Metric("collector_compaction_damaged_total{what=\"block\"}"), 2);
  const Result<bool> compacted = collector::storage::IsCompacted(
      *connection_, shared::FromUnixNanos(kWorldStart), shared::FromUnixNanos(kWorldStart + kHour));
  ASSERT_TRUE(compacted);
  EXPECT_TRUE(*compacted);
}

TEST_F(CompactionTest, TriesAgainAfterADiskThatWasFull) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  Do("CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS"
     " 'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END'");
  Do("CREATE TRIGGER full_disk BEFORE INSERT ON pgvigil.chunk_minutes FOR EACH ROW EXECUTE FUNCTION"
     " public.full_disk()");
  now_ = kWorldStart + 12 * kMinute;
  const Result<void> failed = Compact();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, shared::ErrorCode::kResourceExhausted);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.compacted_window"), "0");
  Do("DROP TRIGGER full_disk ON pgvigil.chunk_minutes");
  ASSERT_TRUE(Compact());
  EXPECT_EQ(ReadChunks(), truth_);
}

TEST_F(CompactionTest, MakesAPartitionAgainThatSomebodyDropped) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  now_ = kWorldStart + 12 * kMinute;
  ASSERT_TRUE(Compact());
  AddBlock(1, kWorldStart + 10 * kMinute, 10 * kNanosPerSecond, 6);
  Do("DROP TABLE pgvigil.chunk_minutes_20260101_00");
  Do("DELETE FROM pgvigil.compacted_window");  // what was in it is made again from its blocks
  now_ = kWorldStart + 22 * kMinute;
  ASSERT_FALSE(Compact());
  ASSERT_TRUE(Compact());
  EXPECT_EQ(ReadChunks(), truth_);
}

TEST_F(CompactionTest, LeavesAChunkOfANewerFormatAlone) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 6);
  now_ = kWorldStart + 12 * kMinute;
  ASSERT_TRUE(Compact());
  Do("UPDATE pgvigil.chunk SET format = 9 WHERE family_id = 1");
  AddBlock(1, kWorldStart + kMinute, 10 * kNanosPerSecond, 6);
  const Result<void> failed = Compact();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message,
            "the chunk of family 1 at 2026-01-01 00:00:00.000000+00 has format 9, this collector"
            " knows 1");
}

// The heart: whatever comes in whatever order, wherever compaction is cut, nothing is lost, nothing
// appears, nothing changes.
class CompactionHistory : public ChunkWorld {
 protected:
  void AddRandomBlock(std::mt19937_64& random) {
    const int layout = 1 + static_cast<int>(random() % 6);
    const int64_t phase = static_cast<int64_t>(random() % 4) * 2'500'000'000;
    const int64_t first = kWorldStart + static_cast<int64_t>(random() % (4 * 60)) * kMinute + phase;
    const int64_t interval = random() % 5 == 0 ? kNanosPerSecond : 10 * kNanosPerSecond;
    AddBlock(layout, first, interval, random() % 10 == 0 ? 1 + random() % 150 : 1 + random() % 12);
  }

  // Compacts on a session that somebody ends at any moment.
  void CompactAndKill(std::mt19937_64& random) {
    const int pid = connection_->backend_pid();
    const auto wait = std::chrono::microseconds(random() % 30'000);
    std::thread killer([&] {
      const auto end = std::chrono::steady_clock::now() + wait;
      while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
      server_.Execute(fmt::format("SELECT pg_terminate_backend({}, 10000)", pid));
    });
    (void)Compact();
    killer.join();
    connection_.emplace(server_.Connect("pgvigil"));
  }

  // As retention does.
  void DropCompactedBlocks() {
    for (int hour = 0; hour < 4; ++hour) {
      const shared::WallTime from = shared::FromUnixNanos(kWorldStart + hour * kHour);
      const auto partition = PartitionOf(collector::storage::kBlockTable, from);
      const Result<bool> compacted =
          collector::storage::IsCompacted(*connection_, partition.from, partition.to);
      ASSERT_TRUE(compacted);
      if (*compacted) Do("DROP TABLE IF EXISTS pgvigil." + partition.name);
    }
  }

  void ExpectTruth(uint64_t seed, int step) {
    SampleSet found = ReadChunks();
    const SampleSet blocks = ReadBlocks();
    found.insert(blocks.begin(), blocks.end());
    ASSERT_EQ(found.size(), truth_.size()) << "seed " << seed << ", step " << step;
    ASSERT_TRUE(found == truth_) << "seed " << seed << ", step " << step;
  }
};

TEST_F(CompactionHistory, NeverChangesWhatIsStored) {
  constexpr uint64_t kSeed = 20260101;
  std::mt19937_64 random(kSeed);
  for (int step = 0; step < 60; ++step) {
    const uint64_t action = random() % 10;
    if (action < 5) {
      for (int i = 0; i < 5; ++i) AddRandomBlock(random);
    } else if (action < 7) {
      now_ += static_cast<int64_t>(random() % 20) * kMinute;
      const Result<void> done = Compact();
      ASSERT_TRUE(done) << done.error().message;
    } else if (action < 9) {
      now_ += static_cast<int64_t>(random() % 20) * kMinute;
      CompactAndKill(random);
    } else {
      DropCompactedBlocks();
    }
    if (random() % 4 == 0) StartCompaction();  // a restart
    if (step % 10 == 9) ExpectTruth(kSeed, step);
    if (HasFatalFailure()) return;
  }
  now_ = kWorldStart + 24 * kHour;
  const Result<void> done = Compact();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(ReadChunks() == truth_);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.chunk WHERE span = 10"), "0");
  EXPECT_EQ(Metric("collector_compaction_refused_samples_total{reason=\"duplicate_timestamp\"}"),
            0);
}

TEST_F(CompactionHistory, TwoOwnersAtOnceDoNoHarm) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 100; ++i) AddRandomBlock(random);
  now_ = kWorldStart + 24 * kHour;
  const auto work = [&] {
    Connection connection = server_.Connect("pgvigil");
    collector::storage::PartitionKeeper partitions;
    shared::metrics::Registry registry;
    collector::storage::Compaction compaction({}, partitions, registry);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < give_up) {
      const auto pause = compaction.Run(connection, shared::FromUnixNanos(now_), {});
      if (pause && pause->count() > 0) return;  // a failure is tried again
    }
    ADD_FAILURE() << "not done";
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_TRUE(ReadChunks() == truth_);
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.chunk WHERE span = 10"), "0");
}

}  // namespace
}  // namespace tests
