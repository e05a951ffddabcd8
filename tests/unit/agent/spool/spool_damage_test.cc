// Failing disks and bytes that nobody wrote.
#include <gmock/gmock.h>

#include <random>

#include "tests/unit/agent/spool/spool_fixture.h"

namespace agent::spool {
namespace {

using testing::ElementsAre;

TEST_F(SpoolTest, WritesElsewhereWhatAFailedSyncMayHaveLost) {
  Open();
  Append("one");
  Append("two");
  files.FailSyncs(1);
  ASSERT_TRUE(spool->Sync());
  CutPowerAndReopen();
  EXPECT_THAT(Drain(), ElementsAre("one", "two"));
  EXPECT_EQ(Dropped("corrupt"), 0u);
}

TEST_F(SpoolTest, KeepsWhatItCouldNotSyncAndTriesAgain) {
  Open();
  Append("one");
  files.FailSyncs(2);
  EXPECT_FALSE(spool->Sync());
  EXPECT_EQ(spool->Next(), std::nullopt);
  EXPECT_EQ(spool->errors(), 2u);
  ASSERT_TRUE(spool->Sync());
  EXPECT_THAT(Drain(), ElementsAre("one"));
}

TEST_F(SpoolTest, OpensAnotherSegmentAfterAFailedWrite) {
  Open();
  Append("one");
  files.FailWrites(1, true);
  Append("two");
  ASSERT_TRUE(spool->Sync());
  EXPECT_THAT(Drain(), ElementsAre("one", "two"));
  EXPECT_EQ(Dropped("corrupt"), 0u);
}

TEST_F(SpoolTest, SaysWhyItCouldNotAppendAndKeepsTheSequence) {
  Open();
  AppendDurably({"one"});
  files.FailWrites(3, false);
  const Result<uint64_t> failed = spool->Append("lost", 1);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "write: Input/output error");
  files.FailWrites(0, false);
  EXPECT_EQ(spool->next_sequence(), 2u);
  AppendDurably({"two"});
  EXPECT_THAT(Drain(), ElementsAre("one", "two"));
}

TEST_F(SpoolTest, GoesOnInItsOwnSpaceWhenTheDiskIsFull) {
  Open();
  for (int i = 0; i < 20; ++i) AppendDurably({std::string(1500, 'a')});  // three segments
  files.SetSpace(0);
  for (int i = 0; i < 40; ++i) AppendDurably({std::string(1500, 'b')});
  const uint64_t dropped = Dropped("spool_full");
  EXPECT_GT(dropped, 20u);
  EXPECT_EQ(Drain().size() + dropped, 60u);
}

TEST_F(SpoolTest, StartsOnAFullDiskAndWorksOnceThereIsRoom) {
  files.SetSpace(0);
  Open();
  EXPECT_FALSE(spool->Append("lost", 1));
  files.SetSpace(UINT64_MAX);
  AppendDurably({"one"});
  EXPECT_THAT(Drain(), ElementsAre("one"));
}

TEST_F(SpoolTest, LosesOnlyTheDamagedBatchAndCountsIt) {
  Open();
  Append("first batch", 10);
  Append("second batch", 20);
  Append("third batch", 30);
  ASSERT_TRUE(spool->Sync());
  spool.reset();
  std::string& segment = *files.Content("/spool/00000000.seg");
  segment[segment.find("second")] = 'S';
  Open();
  EXPECT_THAT(Drain(), ElementsAre("first batch", "third batch"));
  EXPECT_EQ(Dropped("corrupt"), 20u);
  AppendDurably({"fourth"});
  EXPECT_THAT(Drain(), ElementsAre("fourth"));
  EXPECT_EQ(Dropped("corrupt"), 20u);
}

TEST_F(SpoolTest, FindsTheNextBatchBehindADamagedHeader) {
  Open();
  Append("first batch", 10);
  Append("second batch", 20);
  Append("third batch", 30);
  ASSERT_TRUE(spool->Sync());
  std::string& segment = *files.Content("/spool/00000000.seg");
  segment[segment.find("second") - 30] ^= 1;
  EXPECT_THAT(Drain(), ElementsAre("first batch", "third batch"));
  EXPECT_EQ(Dropped("corrupt"), 20u);
}

TEST_F(SpoolTest, CountsADamagedEndOfASealedSegment) {
  Open();
  for (int i = 0; i < 30; ++i) AppendDurably({std::string(1500, 'a') + std::to_string(100 + i)});
  std::string& segment = *files.Content("/spool/00000000.seg");
  const size_t last = segment.rfind("PGGR");
  ASSERT_NE(last, std::string::npos);
  segment[last + 9] ^= 1;
  EXPECT_EQ(Drain().size(), 29u);
  EXPECT_EQ(Dropped("corrupt"), 1u);
}

TEST_F(SpoolTest, CountsASegmentWhoseHeadersAreGone) {
  Open();
  for (int i = 0; i < 40; ++i) AppendDurably({std::string(1500, 'a')});
  spool.reset();
  files.Content("/spool/00000001.seg")->replace(0, kFirstRecordOffset, kFirstRecordOffset, '?');
  Open();
  const uint64_t left = Drain().size();
  EXPECT_GT(left, 25u);
  EXPECT_EQ(left + Dropped("corrupt"), 40u);
}

TEST_F(SpoolTest, BeginsANewLifeWithoutItsSuperblockAndKeepsWhatWaits) {
  Open();
  const uint64_t old_life = spool->incarnation();
  AppendDurably({"one", "two"});
  spool.reset();
  files.Content("/spool/superblock")->assign(5000, '?');
  clock.SetWall(shared::FromUnixNanos(5));  // the clock stepped back meanwhile
  Open();
  EXPECT_GT(spool->incarnation(), old_life);
  EXPECT_EQ(spool->next_sequence(), 1u);
  AppendDurably({"three"});
  const std::optional<ship::OutgoingBatch> oldest = spool->Next();
  EXPECT_EQ(oldest->incarnation, old_life);
  EXPECT_THAT(Drain(), ElementsAre("one", "two", "three"));
}

TEST_F(SpoolTest, NeverUsesTheNameOfASentBatchAgainWhenItsBytesRot) {
  Open();
  AppendDurably({"first batch", "second batch"});
  spool->Acknowledge(spool->incarnation(), spool->Next()->sequence);
  EXPECT_EQ(spool->Next()->body, "second batch");
  spool.reset();
  std::string& segment = *files.Content("/spool/00000000.seg");
  segment[segment.find("second") - 30] ^= 1;
  Open();
  EXPECT_EQ(spool->next_sequence(), 3u);
  EXPECT_EQ(Dropped("corrupt"), 1u);
}

TEST_F(SpoolTest, SurvivesReadErrors) {
  Open();
  AppendDurably({"one", "two"});
  files.FailReads(100);
  spool->Next();
  files.FailReads(0);
  AppendDurably({"three"});
  EXPECT_THAT(Drain(), testing::Contains("three"));
}

// Any bytes: it starts, loses no batch but those that were damaged, and works.
TEST_F(SpoolTest, StartsAndWorksAfterRandomDamage) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    tests::FaultyFiles damaged(seed);
    pipeline::Drops counted;
    constexpr int kRecords = 40;
    {
      auto opened = Spool::Open(options, damaged, clock, counted);
      ASSERT_TRUE(opened);
      for (int i = 0; i < kRecords; ++i) ASSERT_TRUE((*opened)->Append(std::string(1500, 'a'), 1));
    }
    const int flips = 1 + static_cast<int>(random() % 5);
    for (int flip = 0; flip < flips; ++flip) {
      const std::vector<std::string> paths = damaged.Paths();
      std::string& content = *damaged.Content(paths[random() % paths.size()]);
      if (content.empty()) continue;
      const size_t at = random() % content.size();
      if (seed % 10 == 0)
        content.resize(at);
      else
        content[at] = static_cast<char>(content[at] ^ (1 << (random() % 8)));
    }
    auto opened = Spool::Open(options, damaged, clock, counted);
    ASSERT_TRUE(opened);
    ASSERT_TRUE((*opened)->Append("new", 1));
    ASSERT_TRUE((*opened)->Sync());
    int whole = 0;
    std::string last;
    while (const auto batch = (*opened)->Next()) {
      last = batch->body;
      if (last == std::string(1500, 'a')) whole += 1;
      (*opened)->Acknowledge(batch->incarnation, batch->sequence);
    }
    EXPECT_EQ(last, "new");
    if (seed % 10 != 0) {
      EXPECT_GE(whole, kRecords - flips);
    }
  }
}

}  // namespace
}  // namespace agent::spool
