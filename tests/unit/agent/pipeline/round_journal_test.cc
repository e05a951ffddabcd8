#include "agent/pipeline/round_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/file.h"
#include "tests/unit/agent/pipeline/builders.h"

namespace agent::pipeline {
namespace {

using testing::ElementsAre;

class RoundJournalTest : public testing::Test {
 protected:
  RoundJournal Open(uint64_t capacity = 65536) {
    shared::Result<RoundJournal> journal = RoundJournal::Open(path, capacity, found);
    EXPECT_TRUE(journal) << journal.error().message;
    return std::move(*journal);
  }

  ScratchDirectory directory;
  const std::string path = directory.path + "/rounds";
  std::optional<JournalContent> found;
};

TEST_F(RoundJournalTest, KeepsRoundsOfSeveralLayouts) {
  {
    RoundJournal journal = Open();
    EXPECT_FALSE(found);
    ASSERT_TRUE(journal.Begin(7, 42));
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a", "b"}), 1, {1.5, -2})));
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"c"}), 1, {3})));
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a", "b"}), 2, {4, 5})));
  }
  Open();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->incarnation, 7u);
  EXPECT_EQ(found->sequence, 42u);
  ASSERT_EQ(found->rounds.size(), 3u);
  EXPECT_THAT(found->rounds[0].values, ElementsAre(1.5, -2));
  EXPECT_EQ(found->rounds[0].layout->hash, LayoutOf({"a", "b"})->hash);
  EXPECT_EQ(found->rounds[0].layout->series, LayoutOf({"a", "b"})->series);
  EXPECT_THAT(found->rounds[1].values, ElementsAre(3));
  EXPECT_EQ(found->rounds[2].time, shared::FromUnixNanos(2'000'000'000));
}

TEST_F(RoundJournalTest, ForgetsWhenABatchBegins) {
  {
    RoundJournal journal = Open();
    ASSERT_TRUE(journal.Begin(7, 1));
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a"}), 1, {1})));
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a"}), 2, {2})));
    ASSERT_TRUE(journal.Begin(7, 2));
  }
  {
    RoundJournal journal = Open();
    EXPECT_EQ(found->sequence, 2u);
    EXPECT_TRUE(found->rounds.empty());
    ASSERT_TRUE(journal.Begin(7, 2));
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a"}), 3, {3})));
  }
  Open();
  ASSERT_EQ(found->rounds.size(),
            1u);  // and not the second of the first use, which still stands behind
  EXPECT_THAT(found->rounds[0].values, ElementsAre(3));
}

TEST_F(RoundJournalTest, SaysWhenItIsFull) {
  RoundJournal journal = Open(1000);
  ASSERT_TRUE(journal.Begin(7, 1));
  shared::Result<void> appended;
  int64_t rounds = 0;
  while ((appended = journal.Append(RoundAt(LayoutOf({"a"}), ++rounds, {1})))) {
  }
  EXPECT_EQ(appended.error().code, shared::ErrorCode::kResourceExhausted);
  EXPECT_EQ(appended.error().message, path + ": full");
  Open(1000);
  EXPECT_EQ(found->rounds.size(), static_cast<size_t>(rounds - 1));
}

TEST_F(RoundJournalTest, ReadsWhatIsWholeAtEveryTruncation) {
  RoundJournal journal = Open(1000);
  ASSERT_TRUE(journal.Begin(7, 1));
  for (int64_t second = 1; second <= 5; ++second) {
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a"}), second, {1})));
  }
  const std::string bytes = shared::ReadFile(path).value();
  size_t last = 0;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const std::optional<JournalContent> content = ReadJournal(bytes.substr(0, size));
    EXPECT_EQ(content.has_value(), size >= 64) << size;
    if (!content) continue;
    EXPECT_GE(content->rounds.size(), last) << size;
    last = content->rounds.size();
  }
  EXPECT_EQ(last, 5u);
}

TEST_F(RoundJournalTest, StopsAtADamagedEntry) {
  RoundJournal journal = Open(4000);
  ASSERT_TRUE(journal.Begin(7, 1));
  for (int64_t second = 1; second <= 5; ++second) {
    ASSERT_TRUE(journal.Append(RoundAt(LayoutOf({"a"}), second, {1})));
  }
  const std::string bytes = shared::ReadFile(path).value();
  for (size_t at = 0; at < 700; ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    const std::optional<JournalContent> content = ReadJournal(damaged);
    if (at < 40) {
      EXPECT_FALSE(content) << at;
    }
    for (size_t i = 0; content && i < content->rounds.size(); ++i) {
      EXPECT_THAT(content->rounds[i].values, ElementsAre(1)) << at;
    }
  }
}

}  // namespace
}  // namespace agent::pipeline
