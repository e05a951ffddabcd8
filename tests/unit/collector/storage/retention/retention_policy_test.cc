#include "collector/storage/retention/retention_policy.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace collector::storage {
namespace {

using std::chrono::hours;
using State = StoredPartition::State;

class DecideDropsTest : public ::testing::Test {
 protected:
  // A day that ended `age` ago.
  StoredPartition Day(const std::string& table, hours age, int64_t bytes,
                      State state = State::kAttached) const {
    StoredPartition out;
    out.table = table;
    out.to = now_ - age;
    out.from = out.to - hours(24);
    out.name = table + "_" + std::to_string(age.count());
    out.bytes = bytes;
    out.state = state;
    return out;
  }
  std::vector<std::string> Decide(const std::vector<StoredPartition>& partitions,
                                  uint64_t disk_bytes = 0) const {
    std::vector<std::string> out;
    for (const PartitionDrop& drop : DecideDrops(partitions, policy_, now_, disk_bytes)) {
      out.push_back(drop.partition.name + " " + std::string(ReasonName(drop.reason)));
    }
    return out;
  }

  const shared::WallTime now_ = tests::FakeClock().Now();
  RetentionPolicy policy_;
};

using Names = std::vector<std::string>;

TEST_F(DecideDropsTest, DropsWhatIsWhollyOlderThanItIsKeptOldestFirst) {
  policy_.keep = {{"chunk", hours(72)}};
  EXPECT_EQ(Decide({Day("chunk", hours(0), 1), Day("chunk", hours(71), 1),
                    Day("chunk", hours(72), 1), Day("chunk", hours(96), 1)}),
            (Names{"chunk_96 expired", "chunk_72 expired"}));
}

TEST_F(DecideDropsTest, KeepsForEverWhatThePolicyDoesNotName) {
  policy_.keep = {{"chunk", hours(1)}};
  EXPECT_EQ(Decide({Day("rollup", hours(9000), 1)}), Names());
}

TEST_F(DecideDropsTest, EndsWhatWasBegunFirst) {
  policy_.keep = {{"chunk", hours(1)}};
  EXPECT_EQ(Decide({Day("chunk", hours(99), 1), Day("chunk", hours(9), 1, State::kDetaching),
                    Day("chunk", hours(5), 1, State::kDetached)}),
            (Names{"chunk_9 expired", "chunk_5 expired", "chunk_99 expired"}));
}

TEST_F(DecideDropsTest, MakesRoomFromTheOldestOfTheLargeTablesFirst) {
  policy_.size_bytes = 100;
  policy_.large = {"chunk", "log_block"};
  const std::vector<StoredPartition> partitions = {
      Day("rollup", hours(900), 10), Day("chunk", hours(48), 60), Day("log_block", hours(72), 50),
      Day("chunk", hours(24), 60)};
  EXPECT_EQ(Decide(partitions), (Names{"log_block_72 size", "chunk_48 size"}));
  policy_.size_bytes = 5;
  EXPECT_EQ(Decide(partitions),
            (Names{"log_block_72 size", "chunk_48 size", "chunk_24 size", "rollup_900 size"}));
}

TEST_F(DecideDropsTest, NeverDropsTheLastDayToMakeRoom) {
  policy_.size_bytes = 1;
  policy_.large = {"chunk"};
  EXPECT_EQ(Decide({Day("chunk", hours(23), 60), Day("chunk", hours(-24), 60)}, 1000), Names());
}

TEST_F(DecideDropsTest, FreesWhatTheDiskNeeds) {
  policy_.large = {"chunk"};
  const std::vector<StoredPartition> partitions = {
      Day("chunk", hours(48), 60), Day("chunk", hours(72), 60), Day("chunk", hours(96), 60)};
  EXPECT_EQ(Decide(partitions, 61), (Names{"chunk_96 disk", "chunk_72 disk"}));
  EXPECT_EQ(Decide(partitions, 0), Names());
}

TEST_F(DecideDropsTest, CountsWhatExpiresAsRoom) {
  policy_.keep = {{"chunk", hours(90)}};
  policy_.size_bytes = 120;
  policy_.large = {"chunk"};
  EXPECT_EQ(Decide({Day("chunk", hours(48), 60), Day("chunk", hours(72), 60),
                    Day("chunk", hours(96), 60)}),
            (Names{"chunk_96 expired"}));
}

}  // namespace
}  // namespace collector::storage
