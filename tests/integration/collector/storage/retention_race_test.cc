// Data that comes while its partition is on the way out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/storage/retention/drop_guard.h"
#include "collector/storage/retention/retention.h"
#include "tests/integration/collector/storage/chunk_world.h"

namespace tests {
namespace {

using collector::storage::IsSafeToDrop;
using collector::storage::Retention;
using collector::storage::RetentionOptions;
using collector::storage::StoredPartition;

constexpr int64_t kHour = 3600 * kNanosPerSecond;

class RetentionRaceTest : public ChunkWorld {
 protected:
  // One run, nine hours later, of what drops blocks after six.
  void Retain(Retention::Guard guard) {
    RetentionOptions options;
    options.policy.keep = {{"block", std::chrono::hours(6)}};
    Retention retention(options, std::move(guard), registry_);
    const auto done =
        retention.Run(*connection_, shared::FromUnixNanos(kWorldStart + 9 * kHour), {});
    ASSERT_TRUE(done) << done.error().message;
  }
  std::string Tables() {
    return Ask(
        "SELECT string_agg(relname || CASE WHEN relispartition THEN '' ELSE ' detached' END,"
        " ', ' ORDER BY relname) FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace = 'pgvigil'::regnamespace AND relname LIKE 'block\\_%'");
  }
};

TEST_F(RetentionRaceTest, ABlockAtTheLastMomentIsCompactedBeforeItsPartitionGoes) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 30);
  AddBlock(4, kWorldStart + kHour, 10 * kNanosPerSecond, 30);
  now_ = kWorldStart + 9 * kHour;
  ASSERT_TRUE(Compact());
  // The guard says yes; before the partition is detached one more block comes.
  bool came = false;
  Retain([&](Connection& connection, const StoredPartition& partition) {
    const auto safe = IsSafeToDrop(connection, partition);
    if (!came && partition.state == StoredPartition::State::kAttached) {
      EXPECT_EQ(safe.value_or(false), true);
      came = AddBlock(2, kWorldStart + 60 * kNanosPerSecond, 10 * kNanosPerSecond, 30);
    }
    return safe;
  });
  ASSERT_TRUE(came);
  EXPECT_EQ(Tables(), "block_20260101_00");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.block"), "2");
  EXPECT_EQ(Metric("collector_partitions_attached_again_total{table=\"block\"}"), 1);
  // Compacted, it goes with the next run, and nothing is lost.
  ASSERT_TRUE(Compact());
  Retain(IsSafeToDrop);
  EXPECT_EQ(Tables(), "");
  EXPECT_EQ(ReadChunks(), truth_);
}

TEST_F(RetentionRaceTest, WhatACrashLeftDetachedIsLookedAtAgain) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 30);
  AddBlock(1, kWorldStart + kHour, 10 * kNanosPerSecond, 30);
  Do("ALTER TABLE pgvigil.block DETACH PARTITION pgvigil.block_20260101_00");
  Retain(IsSafeToDrop);
  EXPECT_EQ(Tables(), "block_20260101_00, block_20260101_01");
  now_ = kWorldStart + 9 * kHour;
  ASSERT_TRUE(Compact());
  Do("ALTER TABLE pgvigil.block DETACH PARTITION pgvigil.block_20260101_00");
  Retain(IsSafeToDrop);
  EXPECT_EQ(Tables(), "");
  EXPECT_EQ(ReadChunks(), truth_);
}

// A partition that someone dropped by hand takes its data with it, and nothing else.
TEST_F(RetentionRaceTest, APartitionDroppedByHandIsMadeAgain) {
  AddBlock(1, kWorldStart, 10 * kNanosPerSecond, 30);
  AddBlock(1, kWorldStart + kHour, 10 * kNanosPerSecond, 30);
  now_ = kWorldStart + 20 * 60 * kNanosPerSecond;
  ASSERT_TRUE(Compact());
  const std::string chunks =
      Ask("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
          " AND relname LIKE 'chunk\\_minutes\\_%'");
  // Of blocks: what was compacted is still there, what comes late is stored again.
  const size_t compacted = ReadChunks().size();
  ASSERT_GT(compacted, 0u);
  Do("DROP TABLE pgvigil.block_20260101_00");
  EXPECT_EQ(ReadChunks().size(), compacted);
  AddBlock(2, kWorldStart + 60 * kNanosPerSecond, 10 * kNanosPerSecond, 30);
  // Of chunks: compaction makes it again when it needs it, and goes on.
  Do("DROP TABLE pgvigil." + chunks);
  Do("DROP TABLE IF EXISTS pgvigil.chunk_hours_20260101");
  now_ = kWorldStart + 9 * kHour;
  const auto first = Compact();
  if (!first) {
    ASSERT_TRUE(Compact()) << first.error().message;
  }
  SampleSet kept;
  for (const auto& [key, bits] : ReadBlocks()) kept.emplace(key, bits);
  EXPECT_EQ(ReadChunks(), kept);
}

}  // namespace
}  // namespace tests
