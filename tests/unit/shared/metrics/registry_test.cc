#include "shared/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace shared::metrics {
namespace {

using testing::HasSubstr;

TEST(Registry, ExposesWhatPrometheusScrapes) {
  Registry registry;
  registry.AddCounter("x_batches_total", "Batches.", {{"reason", "a\"b\\c\nd"}}).Increment(3);
  registry.AddGauge("x_bytes", "Bytes.").Set(-1.5);
  const std::string text = registry.Expose();
  EXPECT_THAT(text, HasSubstr("# HELP x_batches_total Batches.\n# TYPE x_batches_total counter\n"
                              "x_batches_total{reason=\"a\\\"b\\\\c\\nd\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE x_bytes gauge\nx_bytes -1.5\n"));
}

TEST(Registry, GivesTheSameMetricForTheSameNameAndLabels) {
  Registry registry;
  Counter one = registry.AddCounter("x_total", "X.", {{"a", "1"}});
  Counter same = registry.AddCounter("x_total", "X.", {{"a", "1"}});
  Counter other = registry.AddCounter("x_total", "X.", {{"a", "2"}});
  one.Increment();
  same.Increment(2);
  EXPECT_EQ(one.value(), 3);
  EXPECT_EQ(other.value(), 0);
}

TEST(Gauge, GoesUpAndDown) {
  Registry registry;
  Gauge gauge = registry.AddGauge("x", "X.");
  gauge.Set(5);
  gauge.Add(2);
  gauge.Add(-10);
  EXPECT_EQ(gauge.value(), -3);
}

TEST(Counter, LosesNoIncrementOfManyThreads) {
  Registry registry;
  Counter counter = registry.AddCounter("x_total", "X.");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([counter]() mutable {
        for (int j = 0; j < 5000; ++j) counter.Increment();
      });
    }
  }
  EXPECT_EQ(counter.value(), 20'000);
}

TEST(Histogram, CountsInSeconds) {
  Registry registry;
  Histogram histogram = registry.AddLatencyHistogram("x_seconds", "X.");
  for (const double value : {0.0005, 0.003, 0.003, 59.0, 61.0}) histogram.Observe(value);
  const std::string text = registry.Expose();
  EXPECT_THAT(text, HasSubstr("x_seconds_count 5\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{le=\"0.005\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{le=\"60\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{le=\"+Inf\"} 5\n"));
}

}  // namespace
}  // namespace shared::metrics
