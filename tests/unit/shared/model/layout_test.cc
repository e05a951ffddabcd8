#include "shared/model/layout.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace shared::model {
namespace {

std::vector<Series> TwoSeries() {
  return {{.name = "system.cpu.time",
           .unit = "s",
           .kind = MetricKind::kCounter,
           .labels = {{"cpu", "0"}, {"cpu.mode", "user"}}},
          {.name = "system.memory.usage",
           .unit = "By",
           .kind = MetricKind::kUpDownCounter,
           .labels = {}}};
}

// The figures are those of xxh128sum over bytes that a script wrote by layout.h's description. They
// stand in databases: when this test fails, the code is wrong, not the test.
TEST(ComputeHash, HasItsKnownAnswers) {
  EXPECT_EQ(ToHex(ComputeHash({}, {})), "2c0a8a99dc147d5445c3b49d035665b2");
  EXPECT_EQ(ToHex(ComputeHash({{"db.namespace", "postgres"}}, TwoSeries())),
            "9d265930ef0b94e57621253438eeee30");
}

TEST(ComputeHash, DependsOnEveryPartAndOnTheOrder) {
  const std::vector<Series> series = TwoSeries();
  std::set<std::string> hashes = {ToHex(ComputeHash({}, series))};
  size_t cases = 1;
  const auto expect_new = [&](const Labels& common, const std::vector<Series>& changed) {
    hashes.insert(ToHex(ComputeHash(common, changed)));
    cases += 1;
    EXPECT_EQ(hashes.size(), cases) << "case " << cases;
  };
  expect_new({{"a", "b"}}, series);
  expect_new({{"ab", ""}}, series);
  expect_new({{"", "ab"}}, series);
  expect_new({}, {series[1], series[0]});
  expect_new({}, {series[0]});
  expect_new({}, {series[0], series[0]});
  std::vector<Series> changed = series;
  changed[0].name += "x";
  expect_new({}, changed);
  changed = series;
  changed[0].unit = "ms";
  expect_new({}, changed);
  changed = series;
  changed[0].kind = MetricKind::kGauge;
  expect_new({}, changed);
  changed = series;
  changed[0].labels[1].value = "system";
  expect_new({}, changed);
  changed = series;
  changed[0].labels.pop_back();
  expect_new({}, changed);
  changed = series;
  changed[1].labels = {{"cpu.mode", "user"}};  // moved from one series to the other
  changed[0].labels.pop_back();
  expect_new({}, changed);
}

TEST(LayoutHash, IsOrderedByItsBytesAndHashable) {
  LayoutHash one;
  LayoutHash other;
  other.bytes[15] = 1;
  EXPECT_LT(one, other);
  one.bytes[0] = 1;
  EXPECT_GT(one, other);
  EXPECT_EQ(one, one);
  EXPECT_NE(std::hash<LayoutHash>()(one), std::hash<LayoutHash>()(LayoutHash()));
  EXPECT_EQ(ToHex(one), "01000000000000000000000000000000");
}

TEST(Labels, AreOrderedByNameThenValue) {
  EXPECT_LT((Label{"a", "z"}), (Label{"b", "a"}));
  EXPECT_LT((Label{"a", "a"}), (Label{"a", "b"}));
  EXPECT_EQ((Label{"a", "a"}), (Label{"a", "a"}));
}

TEST(KindName, NamesEachKind) {
  EXPECT_EQ(KindName(MetricKind::kGauge), "gauge");
  EXPECT_EQ(KindName(MetricKind::kCounter), "counter");
  EXPECT_EQ(KindName(MetricKind::kUpDownCounter), "updowncounter");
  EXPECT_EQ(KindName(MetricKind::kUnspecified), "unspecified");
}

}  // namespace
}  // namespace shared::model
