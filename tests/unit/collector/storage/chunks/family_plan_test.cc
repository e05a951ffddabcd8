#include "collector/storage/chunks/family_plan.h"

#include <gtest/gtest.h>

#include <numeric>

namespace collector::storage {
namespace {

// `count` series of a metric, numbered on from `id`.
void Add(std::vector<LooseSeries>& loose, const std::string& metric, int count) {
  for (int i = 0; i < count; ++i) {
    loose.push_back({static_cast<int64_t>(loose.size() + 1), metric});
  }
}

std::vector<size_t> Sizes(const FamilyPlan& plan) {
  std::vector<size_t> out;
  for (const auto& made : plan.made) out.push_back(made.size());
  return out;
}

TEST(PlanFamilies, CutsLargeMetricsIntoEqualParts) {
  std::vector<LooseSeries> loose;
  Add(loose, "a", 40);
  EXPECT_EQ(Sizes(PlanFamilies(loose, {})), (std::vector<size_t>{13, 13, 14}));
}

TEST(PlanFamilies, PutsSmallNeighboursTogether) {
  std::vector<LooseSeries> loose;
  for (const char* metric : {"a", "b", "c", "d", "e"}) Add(loose, metric, 5);
  EXPECT_EQ(Sizes(PlanFamilies(loose, {})), (std::vector<size_t>{15, 10}));
}

TEST(PlanFamilies, GrowsTheFamilyOfTheSameMetricFirst) {
  std::vector<LooseSeries> loose;
  Add(loose, "b", 3);
  const FamilyPlan plan = PlanFamilies(loose, {{7, 4, {"a"}}, {8, 14, {"b"}}});
  ASSERT_EQ(plan.grown.size(), 2u);
  EXPECT_EQ(plan.grown[0].family_id, 7) << "what is left alone goes where there is room";
  EXPECT_EQ(plan.grown[0].series_ids, (std::vector<int64_t>{3}));
  EXPECT_EQ(plan.grown[1].family_id, 8);
  EXPECT_EQ(plan.grown[1].series_ids, (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(plan.made.empty());
}

TEST(PlanFamilies, MakesAFamilyWhenNoneHasRoom) {
  std::vector<LooseSeries> loose;
  Add(loose, "b", 2);
  EXPECT_EQ(Sizes(PlanFamilies(loose, {{7, 15, {"a"}}})), (std::vector<size_t>{2}));
}

TEST(PlanFamilies, PlacesEverySeriesOnce) {
  std::vector<LooseSeries> loose;
  for (int metric = 0; metric < 60; ++metric) Add(loose, std::to_string(metric), 1 + metric % 37);
  const FamilyPlan plan = PlanFamilies(loose, {{1, 3, {"5"}}, {2, 9, {"30", "31"}}});
  std::vector<int> seen(loose.size() + 1);
  const auto count = [&](const std::vector<int64_t>& ids) {
    EXPECT_LE(ids.size(), 16u);
    for (const int64_t id : ids) seen[static_cast<size_t>(id)] += 1;
  };
  for (const auto& growth : plan.grown) count(growth.series_ids);
  for (const auto& made : plan.made) count(made);
  EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), static_cast<int>(loose.size()));
  EXPECT_EQ(*std::max_element(seen.begin(), seen.end()), 1);
}

}  // namespace
}  // namespace collector::storage
