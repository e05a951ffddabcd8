#include "agent/pipeline/open_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/pipeline/builders.h"

namespace agent::pipeline {
namespace {

using testing::ElementsAre;
using Added = OpenBlocks::Added;

std::vector<shared::model::Block> TakeAll(OpenBlocks& blocks) {
  std::vector<shared::model::Block> out;
  blocks.Take([&](const auto&, const shared::model::Block& block) { out.push_back(block); });
  return out;
}

TEST(OpenBlocks, PutsTheValuesOfASeriesTogether) {
  OpenBlocks blocks;
  const auto layout = LayoutOf({"a", "b"});
  EXPECT_EQ(blocks.Add(RoundAt(layout, 1, {1, 10})), Added::kYes);
  EXPECT_EQ(blocks.Add(RoundAt(layout, 2, {2, 20})), Added::kYes);
  EXPECT_EQ(blocks.Add(RoundAt(layout, 3, {3, 30})), Added::kYes);
  EXPECT_EQ(blocks.samples(), 6u);
  const auto taken = TakeAll(blocks);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_THAT(taken[0].values, ElementsAre(1, 2, 3, 10, 20, 30));
  EXPECT_THAT(taken[0].times_unix_nano, ElementsAre(1'000'000'000, 2'000'000'000, 3'000'000'000));
  EXPECT_EQ(taken[0].series, 2u);
  EXPECT_TRUE(blocks.empty());
  EXPECT_EQ(blocks.samples(), 0u);
}

TEST(OpenBlocks, KeepsLayoutsApart) {
  OpenBlocks blocks;
  blocks.Add(RoundAt(LayoutOf({"a"}), 1, {1}));
  blocks.Add(RoundAt(LayoutOf({"b"}), 1, {2}));
  blocks.Add(RoundAt(LayoutOf({"a"}), 2, {3}));
  const auto taken = TakeAll(blocks);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_THAT(taken[0].values, ElementsAre(1, 3));
  EXPECT_THAT(taken[1].values, ElementsAre(2));
}

TEST(OpenBlocks, BeginsAnotherBlockWhenTheClockStepsBack) {
  OpenBlocks blocks;
  const auto layout = LayoutOf({"a"});
  blocks.Add(RoundAt(layout, 10, {1}));
  blocks.Add(RoundAt(layout, 5, {2}));
  blocks.Add(RoundAt(layout, 6, {3}));
  EXPECT_EQ(blocks.Add(RoundAt(layout, 10, {4})), Added::kRepeated);
  const auto taken = TakeAll(blocks);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_THAT(taken[1].values, ElementsAre(2, 3));
}

TEST(OpenBlocks, RefusesWhatNoBlockCanHold) {
  OpenBlocks blocks;
  EXPECT_EQ(blocks.Add(RoundAt(LayoutOf({"a"}), 1, {1, 2})), Added::kMalformed);
  EXPECT_EQ(blocks.Add(RoundAt(LayoutOf(std::vector<std::string>(20'001, "a")), 1,
                               std::vector<double>(20'001))),
            Added::kTooLarge);
  EXPECT_EQ(blocks.Add(RoundAt(LayoutOf({}), 1, {})), Added::kYes);
  EXPECT_TRUE(blocks.empty());
}

TEST(OpenBlocks, BeginsAnotherBlockAfter4096Ticks) {
  OpenBlocks blocks;
  const auto layout = LayoutOf({"a"});
  for (int64_t second = 1; second <= 4097; ++second) blocks.Add(RoundAt(layout, second, {0}));
  const auto taken = TakeAll(blocks);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].ticks(), 4096u);
  EXPECT_EQ(taken[1].ticks(), 1u);
}

}  // namespace
}  // namespace agent::pipeline
