#include "collector/canary/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace collector::canary {
namespace {

using namespace std::chrono_literals;
using api::SampleRow;
using testing::ElementsAre;
using testing::IsEmpty;

class LedgerTest : public testing::Test {
 protected:
  Finding Compare(const std::vector<SampleRow>& read) {
    return ledger_.Compare(read, ledger_.oldest(), ledger_.newest() + 1, now_);
  }
  void SendAndAcknowledge(int64_t time, double value) {
    ledger_.Send({time, value}, now_);
    ledger_.Acknowledge(time, now_);
  }

  Ledger ledger_{{.deadline = 60s, .keep = 1h}};
  shared::MonotonicTime now_{1000s};
};

TEST_F(LedgerTest, TellsTheDelayWhenASampleIsReadFirst) {
  ledger_.Send({10, 1}, now_);
  now_ += 250ms;
  const Finding first = Compare({{10, 1}});
  ASSERT_EQ(first.delays.size(), 1u);
  EXPECT_DOUBLE_EQ(first.delays[0].count(), 0.25);
  EXPECT_TRUE(ledger_.WasRead(10));
  EXPECT_THAT(Compare({{10, 1}}).delays, IsEmpty());
}

TEST_F(LedgerTest, CallsAnAcknowledgedSampleLostAfterItsDeadlineOnce) {
  SendAndAcknowledge(10, 1);
  now_ += 60s;
  EXPECT_THAT(Compare({}).lost, IsEmpty());
  now_ += 1s;
  const Finding found = Compare({});
  EXPECT_THAT(found.lost, ElementsAre(10));
  EXPECT_EQ(found.missing_now, 1u);
  const Finding again = Compare({});
  EXPECT_THAT(again.lost, IsEmpty());
  EXPECT_EQ(again.missing_now, 1u);
  EXPECT_EQ(Compare({{10, 1}}).missing_now, 0u) << "it came late";
}

TEST_F(LedgerTest, ExpectsNothingOfWhatWasNotAcknowledged) {
  ledger_.Send({10, 1}, now_);
  now_ += 10min;
  const Finding found = Compare({});
  EXPECT_THAT(found.lost, IsEmpty());
  EXPECT_EQ(found.missing_now, 0u);
}

TEST_F(LedgerTest, CallsASampleLostAtOnceThatWasReadBefore) {
  SendAndAcknowledge(10, 1);
  Compare({{10, 1}});
  EXPECT_THAT(Compare({}).lost, ElementsAre(10));
}

TEST_F(LedgerTest, CountsWhatCameTwiceOrChangedOnce) {
  SendAndAcknowledge(10, 1);
  SendAndAcknowledge(20, 2);
  for (const uint64_t expected : {1u, 0u}) {
    const Finding found = Compare({{10, 1}, {10, 1}, {20, 3}});
    EXPECT_EQ(found.duplicates, expected);
    EXPECT_EQ(found.wrong, expected);
  }
}

TEST_F(LedgerTest, CountsSamplesThatWereNeverSent) {
  SendAndAcknowledge(10, 1);
  SendAndAcknowledge(20, 2);
  EXPECT_EQ(Compare({{10, 1}, {15, 1}, {20, 2}}).duplicates, 1u);
  EXPECT_EQ(Compare({{10, 1}, {15, 1}, {20, 2}}).duplicates, 0u) << "it was told";
}

TEST_F(LedgerTest, JudgesOnlyTheTimesThatWereAskedFor) {
  SendAndAcknowledge(10, 1);
  SendAndAcknowledge(20, 2);
  now_ += 2min;
  const Finding found = ledger_.Compare({}, 20, 21, now_);
  EXPECT_THAT(found.lost, ElementsAre(20));
  EXPECT_EQ(found.missing_now, 1u);
}

TEST_F(LedgerTest, ForgetsWhatIsOld) {
  SendAndAcknowledge(10, 1);
  now_ += 61min;
  SendAndAcknowledge(20, 2);
  EXPECT_EQ(ledger_.oldest(), 20);
  EXPECT_EQ(ledger_.newest(), 20);
}

}  // namespace
}  // namespace collector::canary
