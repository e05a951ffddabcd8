#include "agent/pipeline/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "shared/model/layout.h"
#include "tests/support/count_allocations.h"

namespace agent::pipeline {
namespace {

using shared::model::Labels;
using shared::model::MetricKind;
using ::testing::ElementsAre;

constexpr Metric kTime{"system.cpu.time", "s", MetricKind::kCounter};
constexpr Metric kLoad{"system.cpu.load_average.1m", "{thread}", MetricKind::kGauge};

TEST(FrameBuilder, MakesALayoutOfWhatWasAddedInOrder) {
  FrameBuilder frame(Labels{{"service.name", "pgvigil"}});
  frame.Begin();
  frame.Add(kTime, {{"cpu", "0"}, {"cpu.mode", "user"}}, 12.5);
  frame.Add(kLoad, {}, 0.25);
  const FrameBuilder::Round round = frame.End();
  EXPECT_EQ(round.layout->common_labels, (Labels{{"service.name", "pgvigil"}}));
  ASSERT_EQ(round.layout->series.size(), 2u);
  EXPECT_EQ(round.layout->series[0].name, "system.cpu.time");
  EXPECT_EQ(round.layout->series[0].unit, "s");
  EXPECT_EQ(round.layout->series[0].kind, MetricKind::kCounter);
  EXPECT_EQ(round.layout->series[0].labels, (Labels{{"cpu", "0"}, {"cpu.mode", "user"}}));
  EXPECT_TRUE(round.layout->series[1].labels.empty());
  EXPECT_EQ(round.layout->hash, ComputeHash(round.layout->common_labels, round.layout->series));
  EXPECT_THAT(round.values, ElementsAre(12.5, 0.25));
}

TEST(FrameBuilder, AnEmptyRoundHasALayoutWithoutSeries) {
  FrameBuilder frame;
  frame.Begin();
  const FrameBuilder::Round round = frame.End();
  ASSERT_NE(round.layout, nullptr);
  EXPECT_TRUE(round.layout->series.empty());
  EXPECT_TRUE(round.values.empty());
}

TEST(FrameBuilder, KeepsTheLayoutAndAllocatesNothingWhileTheSeriesStay) {
  FrameBuilder frame;
  const auto add_round = [&](double value) {
    frame.Begin();
    frame.Add(kTime,
              {{"cpu", "0"}, {"cpu.mode", "a mode whose name is too long for a short string"}},
              value);
    frame.Add(kLoad, {}, value + 1);
    return frame.End();
  };
  const auto layout = add_round(1).layout;
  const tests::AllocationCount count;
  const FrameBuilder::Round round = add_round(2);
  EXPECT_EQ(count.Get(), 0u);
  EXPECT_EQ(round.layout, layout);
  EXPECT_THAT(round.values, ElementsAre(2, 3));
  EXPECT_EQ(frame.layouts_made(), 1u);
}

TEST(FrameBuilder, ASeriesThatAppearsOrGoesMakesANewLayout) {
  FrameBuilder frame;
  const auto round_of = [&](std::vector<std::string_view> cpus) {
    frame.Begin();
    for (const std::string_view cpu : cpus) frame.Add(kTime, {{"cpu", cpu}}, 1);
    std::vector<std::string> out;
    for (const auto& series : frame.End().layout->series) out.push_back(series.labels[0].value);
    return out;
  };
  EXPECT_THAT(round_of({"a", "c"}), ElementsAre("a", "c"));
  EXPECT_THAT(round_of({"a", "b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(round_of({"b", "c"}), ElementsAre("b", "c"));
  EXPECT_THAT(round_of({"b"}), ElementsAre("b"));
  EXPECT_THAT(round_of({"b"}), ElementsAre("b"));
  EXPECT_EQ(frame.layouts_made(), 4u);
}

TEST(FrameBuilder, LeavesOutAndCountsASeriesAddedTwice) {
  FrameBuilder frame;
  std::shared_ptr<const shared::model::Layout> layout;
  for (int round = 1; round <= 3; ++round) {
    frame.Begin();
    frame.Add(kTime, {{"cpu", "0"}}, 1);
    frame.Add(kTime, {{"cpu", "0"}}, 2);
    frame.Add(kLoad, {}, 3);
    frame.Add(kTime, {{"cpu", "0"}}, 4);
    const FrameBuilder::Round result = frame.End();
    EXPECT_THAT(result.values, ElementsAre(1, 3));
    EXPECT_EQ(frame.duplicates(), static_cast<uint64_t>(2 * round));
    if (layout) {
      EXPECT_EQ(result.layout, layout);  // a duplicate is no reason for a new layout
    }
    layout = result.layout;
  }
}

TEST(FrameBuilder, DoesNotTakeASeriesOfTheRoundBeforeForADuplicateOrAMatch) {
  FrameBuilder frame;
  frame.Begin();
  frame.Add(kTime, {{"cpu", "a"}}, 1);
  frame.Add(kTime, {{"cpu", "b"}}, 2);
  frame.End();
  frame.Begin();
  frame.Add(kTime, {{"cpu", "b"}}, 3);
  frame.Add(kTime, {{"cpu", "b"}}, 4);
  frame.Add(kTime, {{"cpu", "a"}}, 5);
  EXPECT_THAT(frame.End().values, ElementsAre(3, 5));
  EXPECT_EQ(frame.duplicates(), 1u);
}

TEST(FrameBuilder, TellsLabelsApartThatHoldNulBytes) {
  FrameBuilder frame;
  using namespace std::string_view_literals;
  frame.Begin();
  frame.Add(kTime, {{"a", "x\0b\0y"sv}}, 1);
  frame.Add(kTime, {{"a", "x"}, {"b", "y"}}, 2);
  const FrameBuilder::Round round = frame.End();
  ASSERT_EQ(round.layout->series.size(), 2u);
  EXPECT_EQ(round.layout->series[0].labels, (Labels{{"a", "x\uFFFDb\uFFFDy"}}));
  EXPECT_EQ(round.layout->series[1].labels, (Labels{{"a", "x"}, {"b", "y"}}));
}

TEST(FrameBuilder, MakesValuesCleanUtf8OfAtMost4096Bytes) {
  FrameBuilder frame;
  frame.Begin();
  frame.Add(kTime, {{"mount", "/a\xff"}}, 1);
  frame.Add(kTime, {{"mount", std::string(4095, 'x') + "\u00e9"}}, 2);
  const FrameBuilder::Round round = frame.End();
  EXPECT_EQ(round.layout->series[0].labels[0].value, "/a\uFFFD");
  EXPECT_EQ(round.layout->series[1].labels[0].value, std::string(4095, 'x'));
}

TEST(FrameBuilder, CommonLabelsChangeTheLayoutButNotTheSeries) {
  FrameBuilder frame;
  const auto add_round = [&] {
    frame.Begin();
    frame.Add(kLoad, {}, 1);
    return frame.End().layout;
  };
  const auto before = add_round();
  frame.SetCommonLabels({{"postgresql.name", "main"}});
  const auto after = add_round();
  EXPECT_NE(before->hash, after->hash);
  EXPECT_EQ(after->common_labels, (Labels{{"postgresql.name", "main"}}));
  EXPECT_EQ(before->series, after->series);
}

TEST(FrameBuilderDeathTest, RefusesLabelsThatAreNotSorted) {
  FrameBuilder frame;
  frame.Begin();
  EXPECT_DEATH(frame.Add(kTime, {{"b", "1"}, {"a", "2"}}, 1), "CHECK failed");
}

// Random rounds over a small set of series against the plain model: first value wins, order kept.
TEST(FrameBuilder, AgreesWithAPlainModelOverRandomRounds) {
  constexpr unsigned kSeed = 20260101;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937 random(kSeed);
  FrameBuilder frame;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> names;
    std::vector<double> values;
    std::set<std::string> seen;
    frame.Begin();
    // Often the same round again, so that both paths are taken.
    for (unsigned i = 0; i < 8; ++i) {
      const std::string name(1, static_cast<char>('a' + (random() % 3 == 0 ? random() % 8 : i)));
      const double value = round * 10 + static_cast<double>(i);
      frame.Add(kTime, {{"cpu", name}}, value);
      if (!seen.insert(name).second) continue;
      names.push_back(name);
      values.push_back(value);
    }
    const FrameBuilder::Round result = frame.End();
    std::vector<std::string> got;
    for (const auto& series : result.layout->series) got.push_back(series.labels[0].value);
    ASSERT_EQ(got, names) << "round " << round;
    ASSERT_EQ(std::vector(result.values.begin(), result.values.end()), values) << "round " << round;
  }
}

}  // namespace
}  // namespace agent::pipeline
