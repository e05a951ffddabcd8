#include "agent/pipeline/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/unit/agent/pipeline/builders.h"

namespace agent::pipeline {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

class BatcherTest : public testing::Test {
 protected:
  BatcherTest() {
    options.agent_id = "0123456789abcdef";
    auto& attribute = *options.resource.add_attributes();
    attribute.set_name("host.name");
    attribute.set_value("db1");
    Start();
  }

  // As at the start of the process; what the last one held in memory is gone.
  void Start() {
    batcher.reset();
    std::optional<JournalContent> found;
    shared::Result<RoundJournal> journal =
        RoundJournal::Open(directory.path + "/rounds", 65536, found);
    ASSERT_TRUE(journal) << journal.error().message;
    batcher.emplace(options, BatcherParts{metrics, statements, layouts, drops, clock,
                                          [] {
                                            pgvigil::v1::AgentStatus status;
                                            status.set_version("1.2.3");
                                            return status;
                                          },
                                          std::move(*journal), std::move(found)});
  }
  void Take(const std::shared_ptr<const shared::model::Layout>& of, int64_t second, double value) {
    batcher->Take(RoundAt(of, second, std::vector<double>(of->series.size(), value)));
    batcher->Tick();
  }
  static std::vector<double> Values(const pgvigil::v1::MetricBlock& message) {
    shared::model::Block block;
    EXPECT_TRUE(shared::wire::BlockDecoder().Decode(message.payload(), message.series(),
                                                    message.ticks(), block));
    return block.values;
  }

  ScratchDirectory directory;
  tests::FakeClock clock;
  FakeSink metrics;
  FakeSink statements;
  Drops drops;
  LayoutStore layouts = *LayoutStore::Open(directory.path + "/layouts", clock);
  BatcherOptions options;
  std::optional<Batcher> batcher;
  const std::shared_ptr<const shared::model::Layout> layout = LayoutOf({"a", "b"});
};

TEST_F(BatcherTest, SendsTheFirstRoundAtOnceAndTheOthersByThePeriod) {
  for (int64_t second = 1; second <= 61; ++second) {
    Take(layout, second, static_cast<double>(second));
    clock.Advance(seconds(1));
  }
  ASSERT_EQ(metrics.batches.size(), 1u);
  clock.Advance(seconds(1));
  batcher->Tick();
  ASSERT_EQ(metrics.batches.size(), 2u);
  EXPECT_EQ(metrics.batches[0].blocks(0).ticks(), 1u);
  EXPECT_EQ(metrics.batches[1].blocks(0).ticks(), 60u);
  EXPECT_EQ(metrics.synced, 2u);
}

TEST_F(BatcherTest, NamesAndDescribesItsBatches) {
  Take(layout, 1, 2.5);
  ASSERT_EQ(metrics.batches.size(), 1u);
  const pgvigil::v1::Batch& batch = metrics.batches[0];
  EXPECT_EQ(batch.agent_id(), "0123456789abcdef");
  EXPECT_EQ(batch.incarnation(), 7u);
  EXPECT_EQ(batch.sequence(), 1u);
  EXPECT_EQ(batch.stream(), pgvigil::v1::STREAM_METRICS);
  EXPECT_EQ(batch.created_unix_nano(), static_cast<uint64_t>(shared::ToUnixNanos(clock.Now())));
  EXPECT_EQ(batch.resource().attributes(0).value(), "db1");
  EXPECT_EQ(batch.status().version(), "1.2.3");
  EXPECT_EQ(batch.layouts_size(), 1);
  EXPECT_EQ(batch.blocks(0).layout_hash(), batch.layouts(0).hash());
  EXPECT_EQ(batch.blocks(0).first_unix_nano(), 1'000'000'000u);
  EXPECT_EQ(batch.blocks(0).last_unix_nano(), 1'000'000'000u);
  EXPECT_THAT(Values(batch.blocks(0)), ElementsAre(2.5, 2.5));
  EXPECT_EQ(metrics.items_of[0], 2u);
  EXPECT_TRUE(layouts.Find(batch.layouts(0).hash()));
}

TEST_F(BatcherTest, SendsALayoutOnceInAProcess) {
  Take(layout, 1, 1);
  Take(layout, 2, 2);
  batcher->Flush();
  EXPECT_EQ(metrics.batches[1].layouts_size(), 0);
  Start();
  Take(layout, 3, 3);
  EXPECT_EQ(metrics.batches[2].layouts_size(), 1);
}

TEST_F(BatcherTest, SendsANewLayoutSoonButNotWithEachRound) {
  Take(layout, 1, 1);
  clock.Advance(seconds(20));
  Take(LayoutOf({"c"}), 21, 1);
  EXPECT_EQ(metrics.batches.size(), 2u);
  for (int64_t second = 22; second <= 31; ++second) {
    clock.Advance(seconds(1));
    Take(LayoutOf({"c" + std::to_string(second)}), second, 1);
  }
  EXPECT_EQ(metrics.batches.size(), 3u);
}

TEST_F(BatcherTest, ClosesABatchEarlyThatGrowsTooLarge) {
  options.size_limit_bytes = 10 * 2 * sizeof(double);
  Start();
  for (int64_t second = 1; second <= 11; ++second) Take(layout, second, 1);
  ASSERT_EQ(metrics.batches.size(), 2u);
  EXPECT_EQ(metrics.batches[1].blocks(0).ticks(), 10u);
}

TEST_F(BatcherTest, ClosesABatchWhenTheJournalIsFull) {
  for (int64_t second = 1; second <= 3000; ++second) Take(layout, second, 1);
  EXPECT_GT(metrics.batches.size(), 1u);
  batcher->Flush();
  uint32_t ticks = 0;
  for (const pgvigil::v1::Batch& batch : metrics.batches) ticks += batch.blocks(0).ticks();
  EXPECT_EQ(ticks, 3000u);
}

TEST_F(BatcherTest, LosesNothingWhenTheProcessIsKilled) {
  Take(layout, 1, 1);
  Take(layout, 2, 2);
  Take(layout, 3, 3);
  ASSERT_EQ(metrics.batches.size(), 1u);
  Start();
  ASSERT_EQ(metrics.batches.size(), 2u);
  EXPECT_EQ(metrics.batches[1].sequence(), 2u);
  EXPECT_THAT(Values(metrics.batches[1].blocks(0)), ElementsAre(2, 3, 2, 3));
  Start();
  EXPECT_EQ(metrics.batches.size(), 2u);
}

TEST_F(BatcherTest, DoesNotRepeatWhatTheSpoolHasAlready) {
  Take(layout, 1, 1);
  Take(layout, 2, 2);
  // Killed between the append to the spool and the journal's next batch.
  metrics.batches.push_back(metrics.batches[0]);
  Start();
  EXPECT_EQ(metrics.batches.size(), 2u);
}

TEST_F(BatcherTest, CountsWhatItCannotUse) {
  batcher->Take(RoundAt(layout, 1, {1, 1}));
  batcher->Take(RoundAt(layout, 1, {1, 1}));
  batcher->Take(RoundAt(layout, 2, {1}));
  const auto dropped = drops.Snapshot();
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(dropped[0].reason(), "malformed_round");
  EXPECT_EQ(dropped[0].items(), 1u);
  EXPECT_EQ(dropped[1].reason(), "repeated_time");
  EXPECT_EQ(dropped[1].items(), 2u);
}

TEST_F(BatcherTest, CountsWhatTheSpoolDoesNotTakeAndGoesOn) {
  metrics.fail = true;
  Take(layout, 1, 1);
  ASSERT_EQ(drops.Snapshot().size(), 1u);
  EXPECT_EQ(drops.Snapshot()[0].reason(), "spool_error");
  EXPECT_EQ(drops.Snapshot()[0].items(), 2u);
  metrics.fail = false;
  Take(layout, 2, 2);
  batcher->Flush();
  EXPECT_EQ(metrics.batches.size(), 1u);
}

TEST_F(BatcherTest, PromisesTheNameOfAStatementBatchBeforeItAppends) {
  StatementRound round;
  round.interval.add_deltas()->set_calls(5);
  std::pair<uint64_t, uint64_t> promised;
  round.before_append = [&](uint64_t incarnation, uint64_t sequence) {
    EXPECT_TRUE(statements.batches.empty());
    promised = {incarnation, sequence};
    return true;
  };
  batcher->Take(std::move(round));
  ASSERT_EQ(statements.batches.size(), 1u);
  EXPECT_EQ(statements.batches[0].stream(), pgvigil::v1::STREAM_STATEMENTS);
  EXPECT_EQ(std::pair(statements.batches[0].incarnation(), statements.batches[0].sequence()),
            promised);
  EXPECT_EQ(statements.batches[0].statements(0).deltas(0).calls(), 5u);
  EXPECT_EQ(statements.synced, 1u);
}

TEST_F(BatcherTest, DoesNotAppendStatementsWhoseBaselineIsNotDurable) {
  StatementRound round;
  round.before_append = [](uint64_t, uint64_t) { return false; };
  batcher->Take(std::move(round));
  EXPECT_TRUE(statements.batches.empty());
}

TEST_F(BatcherTest, AppendsTextsAndSyncsThemWhenDue) {
  TextRound round;
  round.texts.add_texts()->set_text("select $1");
  batcher->Take(std::move(round));
  ASSERT_EQ(statements.batches.size(), 1u);
  EXPECT_EQ(statements.batches[0].texts(0).texts(0).text(), "select $1");
  statements.due = clock.Monotonic() + seconds(1);
  EXPECT_EQ(batcher->next_due(), statements.due);
  batcher->Tick();
  EXPECT_EQ(statements.synced, 0u);
  clock.Advance(seconds(1));
  batcher->Tick();
  EXPECT_EQ(statements.synced, 1u);
}

}  // namespace
}  // namespace agent::pipeline
