#include "agent/spool/spool.h"

#include <gmock/gmock.h>

#include "tests/unit/agent/spool/spool_fixture.h"

namespace agent::spool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(SpoolTest, HandsOutWhatWasAppendedInOrder) {
  Open();
  AppendDurably({"one", "two", "three"});
  EXPECT_THAT(Drain(), ElementsAre("one", "two", "three"));
  EXPECT_EQ(spool->Next(), std::nullopt);
}

TEST_F(SpoolTest, HandsOutTheSameUntilItIsSettled) {
  Open();
  AppendDurably({"one", "two"});
  EXPECT_EQ(spool->Next()->sequence, 1u);
  EXPECT_EQ(spool->Next()->sequence, 1u);
  spool->Acknowledge(spool->incarnation(), 1);
  EXPECT_EQ(spool->Next()->body, "two");
}

TEST_F(SpoolTest, HandsOutNothingThatIsNotDurable) {
  Open();
  Append("one");
  EXPECT_EQ(spool->Next(), std::nullopt);
  ASSERT_TRUE(spool->Sync());
  EXPECT_EQ(spool->Next()->body, "one");
}

TEST_F(SpoolTest, SyncsByItselfAfterEnoughBytes) {
  options.sync_bytes = 1000;
  Open();
  Append(std::string(500, 'a'));
  EXPECT_EQ(spool->Next(), std::nullopt);
  Append(std::string(500, 'b'));
  EXPECT_EQ(spool->Next()->sequence, 1u);
}

TEST_F(SpoolTest, SaysWhenASyncIsDue) {
  Open();
  EXPECT_EQ(spool->sync_due(), std::nullopt);
  Append("one");
  const shared::MonotonicTime due = clock.Monotonic() + std::chrono::seconds(1);
  clock.Advance(std::chrono::milliseconds(500));
  Append("two");
  EXPECT_EQ(spool->sync_due(), due);
  ASSERT_TRUE(spool->Sync());
  EXPECT_EQ(spool->sync_due(), std::nullopt);
}

TEST_F(SpoolTest, CallsTheReadyCallbackWhenSomethingCanBeHandedOut) {
  Open();
  std::vector<std::string> seen;
  spool->SetReadyCallback([&] { seen.push_back(spool->Next()->body); });
  Append("one");
  EXPECT_THAT(seen, IsEmpty());
  ASSERT_TRUE(spool->Sync());
  EXPECT_THAT(seen, ElementsAre("one"));
}

TEST_F(SpoolTest, ContinuesAfterACleanStopWithoutSendingAgain) {
  Open();
  const uint64_t incarnation = spool->incarnation();
  AppendDurably({"one", "two", "three"});
  spool->Acknowledge(incarnation, spool->Next()->sequence);
  files.SetSpace(0);  // a clean stop needs no room
  Reopen();
  EXPECT_EQ(spool->incarnation(), incarnation);
  EXPECT_EQ(spool->next_sequence(), 4u);
  EXPECT_THAT(Drain(), ElementsAre("two", "three"));
  Reopen();
  EXPECT_THAT(Drain(), IsEmpty());
  AppendDurably({"four"});
  EXPECT_THAT(Drain(), ElementsAre("four"));
}

TEST_F(SpoolTest, SkipsWhatTheCollectorHasAlready) {
  Open();
  AppendDurably({"one", "two", "three", "four"});
  EXPECT_EQ(spool->Next()->sequence, 1u);
  spool->Acknowledge(spool->incarnation(), 3);
  EXPECT_THAT(Drain(), ElementsAre("four"));
}

TEST_F(SpoolTest, IgnoresAnAcknowledgementOfAnotherLife) {
  Open();
  AppendDurably({"one", "two"});
  EXPECT_EQ(spool->Next()->sequence, 1u);
  spool->Acknowledge(spool->incarnation() + 1, 1);
  spool->Acknowledge(spool->incarnation() - 1, 1);
  EXPECT_THAT(Drain(), ElementsAre("one", "two"));
}

TEST_F(SpoolTest, BeginsANewLifeWhenTheCollectorKnowsMoreThanIt) {
  Open();
  const uint64_t old_life = spool->incarnation();
  AppendDurably({"one", "two"});
  EXPECT_EQ(spool->Next()->sequence, 1u);
  spool->Acknowledge(old_life, 1'000'000);
  EXPECT_EQ(spool->Next(), std::nullopt);
  EXPECT_EQ(Dropped("names_taken"), 2u);
  ASSERT_TRUE(spool->Sync());
  EXPECT_GT(spool->incarnation(), old_life);
  EXPECT_EQ(spool->next_sequence(), 1u);
  AppendDurably({"three"});
  EXPECT_EQ(spool->Next()->incarnation, spool->incarnation());
  Reopen();
  EXPECT_GT(spool->incarnation(), old_life);
  EXPECT_THAT(Drain(), ElementsAre("three"));
}

TEST_F(SpoolTest, SpansManySegmentsAndUsesThemAgain) {
  Open();
  std::vector<std::string> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(std::string(1500, static_cast<char>('a' + i % 26)) + std::to_string(i));
    Append(all.back());
    if (i % 3 == 2) {
      ASSERT_TRUE(spool->Sync());
    }
  }
  ASSERT_TRUE(spool->Sync());
  EXPECT_EQ(Drain(), all);
  const size_t paths = files.Paths().size();
  for (const std::string& payload : all) Append(payload);
  ASSERT_TRUE(spool->Sync());
  EXPECT_EQ(Drain(), all);
  EXPECT_EQ(files.Paths().size(), paths);
}

TEST_F(SpoolTest, GivesUpTheOldestWhenFullAndCountsIt) {
  options.max_bytes = 4 * options.segment_bytes;
  Open();
  constexpr uint64_t kRecords = 100;
  for (uint64_t i = 1; i <= kRecords; ++i) Append(std::string(1500, 'a') + std::to_string(i), 10);
  ASSERT_TRUE(spool->Sync());
  const std::optional<ship::OutgoingBatch> first = spool->Next();
  ASSERT_TRUE(first);
  EXPECT_GT(first->sequence, 50u);
  EXPECT_EQ(Dropped("spool_full"), (first->sequence - 1) * 10);
  EXPECT_EQ(Drain().size(), kRecords - first->sequence + 1);
  EXPECT_EQ(Dropped("corrupt"), 0u);
}

TEST_F(SpoolTest, DropsTheSegmentThatIsBeingSent) {
  options.max_bytes = 2 * options.segment_bytes;
  Open();
  AppendDurably({std::string(1500, 'a')});
  const std::optional<ship::OutgoingBatch> sent = spool->Next();
  for (int i = 0; i < 30; ++i) Append(std::string(1500, 'b'));
  ASSERT_TRUE(spool->Sync());
  spool->Acknowledge(sent->incarnation, sent->sequence);
  const std::optional<ship::OutgoingBatch> next = spool->Next();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, std::string(1500, 'b'));
  EXPECT_EQ(Dropped("spool_full") + Drain().size(), 31u);
}

TEST_F(SpoolTest, SetsABatchAsideAndGoesOn) {
  Open();
  Append("bad", 5);
  Append("good");
  ASSERT_TRUE(spool->Sync());
  const std::optional<ship::OutgoingBatch> batch = spool->Next();
  spool->SetAside(batch->incarnation, batch->sequence, "http_400");
  EXPECT_EQ(Dropped("set_aside:http_400"), 5u);
  const std::string path =
      fmt::format("/spool/quarantine/{:020}-{:020}-http_400", batch->incarnation, batch->sequence);
  ASSERT_NE(files.Content(path), nullptr);
  EXPECT_EQ(*files.Content(path), "bad");
  EXPECT_THAT(Drain(), ElementsAre("good"));
}

TEST_F(SpoolTest, RefusesABatchLargerThanASegment) {
  Open();
  const Result<uint64_t> refused = spool->Append(std::string(16384, 'a'), 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "a batch of 16384 bytes does not fit in a segment of 16384");
  EXPECT_EQ(spool->next_sequence(), 1u);
  AppendDurably({"one"});
  EXPECT_THAT(Drain(), ElementsAre("one"));
}

TEST_F(SpoolTest, LetsOnlyOneAgentIn) {
  Open();
  const auto second = Spool::Open(options, files, clock, drops);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "lock /spool/lock: another process holds it");
}

TEST_F(SpoolTest, TellsWhatWaits) {
  Open();
  EXPECT_EQ(spool->waiting().waiting_bytes(), 0u);
  const int64_t created = shared::ToUnixNanos(clock.Now());
  AppendDurably({"one"});
  clock.Advance(std::chrono::seconds(5));
  AppendDurably({"two"});
  EXPECT_EQ(spool->waiting().waiting_bytes(), 2 * RecordSize(3));
  EXPECT_EQ(spool->waiting().oldest_waiting_unix_nano(), static_cast<uint64_t>(created));
  Reopen();
  EXPECT_EQ(spool->waiting().waiting_bytes(), 2 * RecordSize(3));
  spool->Acknowledge(spool->incarnation(), spool->Next()->sequence);
  ASSERT_TRUE(spool->Next());
  EXPECT_EQ(spool->waiting().oldest_waiting_unix_nano(),
            static_cast<uint64_t>(created) + 5'000'000'000);
  Drain();
  EXPECT_EQ(spool->waiting().waiting_bytes(), 0u);
  EXPECT_EQ(spool->waiting().oldest_waiting_unix_nano(), 0u);
}

}  // namespace
}  // namespace agent::spool
