#include "agent/postgres/statements/lineage.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/agent/postgres/statements/temporary_directory.h"

namespace agent::postgres::statements {
namespace {

constexpr ServerId kServer{1, 5432};

std::shared_ptr<const Reading> ReadingAt(int64_t second) {
  Reading reading(11, {.server_time = shared::WallTime(std::chrono::seconds(second)),
                       .postmaster_start = {},
                       .stats_reset = {},
                       .dealloc = 0});
  reading.Finish();
  return std::make_shared<const Reading>(std::move(reading));
}

class LineageTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(lineage_->Begin(first_)); }
  [[nodiscard]] shared::WallTime OnDisk() const {
    return std::make_shared<Lineage>(directory_.path(), kServer)->Head()->epoch().server_time;
  }
  TemporaryDirectory directory_;
  std::shared_ptr<Lineage> lineage_ = std::make_shared<Lineage>(directory_.path(), kServer);
  const std::shared_ptr<const Reading> first_ = ReadingAt(1);
  const std::shared_ptr<const Reading> second_ = ReadingAt(2);
  const std::shared_ptr<const Reading> third_ = ReadingAt(3);
};

TEST_F(LineageTest, BeginsDurably) {
  EXPECT_EQ(OnDisk(), first_->epoch().server_time);
}

TEST_F(LineageTest, MovesHeadAtOnceAndTheDiskWithTheBatch) {
  const auto link = lineage_->Append(first_, second_);
  EXPECT_EQ(lineage_->Head(), second_);
  EXPECT_EQ(OnDisk(), first_->epoch().server_time);
  EXPECT_TRUE(link->BeforeAppend(9, 1));
  EXPECT_EQ(OnDisk(), second_->epoch().server_time);
}

TEST_F(LineageTest, LetsTheNextRoundStartOverAfterALoss) {
  auto lost = lineage_->Append(first_, second_);
  auto behind = lineage_->Append(second_, third_);
  lost.reset();
  EXPECT_EQ(lineage_->Head(), first_);
  EXPECT_FALSE(behind->BeforeAppend(9, 1));  // it starts at what was lost
  const auto again = lineage_->Append(first_, third_);
  behind.reset();  // of the dead branch: it does not move head
  EXPECT_EQ(lineage_->Head(), third_);
  EXPECT_TRUE(again->BeforeAppend(9, 1));
}

TEST_F(LineageTest, RefusesARoundThatWasMadeFromALostOne) {
  auto lost = lineage_->Append(first_, second_);
  const auto from = lineage_->Head();
  lost.reset();  // while the next interval was being made
  {
    const auto late = lineage_->Append(from, third_);
    EXPECT_FALSE(late->BeforeAppend(9, 1));
  }
  EXPECT_EQ(lineage_->Head(), first_);
}

TEST_F(LineageTest, GoesBackToTheRoundsInTheQueueWhenTheQueueRefuses) {
  const auto waiting = lineage_->Append(first_, second_);
  lineage_->Append(second_, third_)->Withdraw();
  EXPECT_EQ(lineage_->Head(), second_);
  EXPECT_TRUE(waiting->BeforeAppend(9, 1));
}

TEST_F(LineageTest, TakesTheSameRoundUnderAnotherSequence) {
  const auto link = lineage_->Append(first_, second_);
  EXPECT_TRUE(link->BeforeAppend(9, 1));
  EXPECT_TRUE(link->BeforeAppend(9, 2));
}

TEST(Lineage, TellsWhyItCannotWrite) {
  const auto lineage = std::make_shared<Lineage>("/nonexistent", kServer);
  EXPECT_FALSE(lineage->Begin(ReadingAt(1)));
  {
    const auto link = lineage->Append(lineage->Head(), ReadingAt(2));
    EXPECT_FALSE(link->BeforeAppend(9, 1));
  }
  ASSERT_TRUE(lineage->write_error());
  EXPECT_EQ(lineage->write_error()->code, shared::ErrorCode::kNotFound);
}

TEST(Baselines, GiveALineageToALaterPollerWhileItsRoundsWait) {
  TemporaryDirectory directory;
  const auto baselines = Baselines::Open(directory.path() + "/a/b", {});
  ASSERT_TRUE(baselines);
  auto lineage = (*baselines)->Get(kServer);
  ASSERT_TRUE(lineage->Begin(ReadingAt(1)));
  const auto waiting = lineage->Append(lineage->Head(), ReadingAt(2));
  lineage.reset();  // the poller is gone, the round waits
  EXPECT_EQ((*baselines)->Get(kServer)->Head()->epoch().server_time,
            shared::WallTime(std::chrono::seconds(2)));
  EXPECT_EQ((*baselines)->Get({2, 5432})->Head(), nullptr);
}

}  // namespace
}  // namespace agent::postgres::statements
