#include "collector/storage/index/series_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>

namespace {

using collector::api::Matcher;
using collector::api::MatchOp;
using collector::api::SeriesRow;
using collector::api::SeriesSelector;
using collector::storage::Day;
using collector::storage::SeriesFilter;
using collector::storage::SeriesIndex;
using shared::model::Label;
using shared::model::Labels;
using shared::model::MetricKind;

constexpr Day kToday = 20'000;
constexpr Day kLately = kToday - 4;

// What the index is told, kept as it is and searched one by one.
struct NaiveSeries {
  SeriesRow row;
  int32_t tenant = 0;
  std::string host_key;
  Day first_day = 0;
  Day last_day = 0;
};

class NaiveModel {
 public:
  static std::string ValueOf(const std::string& name, const NaiveSeries& series) {
    if (name == "__name__") return series.row.name;
    if (name == "host" || name == "host.name") return series.row.host_name;
    if (name == "host.id") return series.host_key;
    for (const Label& label : series.row.labels) {
      if (label.name == name) return label.value;
    }
    return "";
  }
  static bool Holds(const Matcher& matcher, const std::regex& pattern, const NaiveSeries& series) {
    const std::string value = ValueOf(matcher.name, series);
    switch (matcher.op) {
      case MatchOp::kEqual:
        return value == matcher.value;
      case MatchOp::kNotEqual:
        return value != matcher.value;
      case MatchOp::kMatches:
        return std::regex_match(value, pattern);
      case MatchOp::kNotMatches:
        return !std::regex_match(value, pattern);
    }
    return false;
  }

  std::vector<int64_t> Select(int32_t tenant, const std::vector<Matcher>& matchers, Day from,
                              Day to, size_t limit) const {
    std::vector<const NaiveSeries*> found;
    for (const NaiveSeries& one : series) {
      if (one.tenant == tenant && one.last_day >= from && one.first_day <= to) {
        found.push_back(&one);
      }
    }
    for (const Matcher& matcher : matchers) {
      const std::regex pattern(matcher.value);
      std::erase_if(found, [&](const NaiveSeries* one) { return !Holds(matcher, pattern, *one); });
    }
    std::sort(found.begin(), found.end(), [](const NaiveSeries* a, const NaiveSeries* b) {
      return std::tie(a->row.name, a->row.host_name, a->row.id) <
             std::tie(b->row.name, b->row.host_name, b->row.id);
    });
    std::vector<int64_t> ids;
    for (const NaiveSeries* one : found) {
      if (ids.size() < limit) ids.push_back(one->row.id);
    }
    return ids;
  }

  std::vector<NaiveSeries> series;
};

// Random series of two tenants with the same hosts and labels, a third of them dead, some of which
// come back; random selectors.
class RandomSeries {
 public:
  explicit RandomSeries(uint32_t seed) : random_(seed), index_(kLately) {
    for (int32_t tenant = 1; tenant <= 2; ++tenant) {
      for (int32_t host = 0; host < 6; ++host) {
        index_.SetHost(tenant, tenant * 100 + host, "db" + std::to_string(host),
                       "key-" + std::to_string(host));
      }
    }
    for (int64_t id = 1; id <= 600; ++id) Add(id);
    for (NaiveSeries& one : model_.series) {
      if (Pick(8) != 0) continue;
      const Day day = static_cast<Day>(kToday - Pick(8));
      index_.Touch(one.row.host_id, one.row.id, day);
      one.last_day = std::max(one.last_day, day);
    }
  }

  void Check() {
    SeriesSelector selector;
    for (uint32_t i = 0; i < Pick(4); ++i) selector.matchers.push_back(RandomMatcher());
    auto filter = SeriesFilter::Make(selector);
    ASSERT_TRUE(filter) << filter.error().message;
    if (Pick(2) == 0) filter->from = static_cast<Day>(kToday - Pick(12));
    if (Pick(4) == 0) filter->to = static_cast<Day>(kToday - Pick(40));
    const auto tenant = static_cast<int32_t>(1 + Pick(2));
    const size_t limit = Pick(3) == 0 ? Pick(20) : 1000;
    std::vector<int64_t> ids;
    for (const SeriesRow& row : index_.Select(tenant, *filter, limit)) {
      ids.push_back(row.id);
      const NaiveSeries& wanted = model_.series[static_cast<size_t>(row.id - 1)];
      EXPECT_EQ(wanted.tenant, tenant);
      EXPECT_EQ(row.labels, wanted.row.labels);
      EXPECT_EQ(row.host_name, wanted.row.host_name);
      EXPECT_EQ(row.name, wanted.row.name);
      EXPECT_TRUE(filter->Accepts(row, wanted.host_key));
    }
    EXPECT_EQ(ids, model_.Select(tenant, selector.matchers, filter->from, filter->to, limit))
        << Describe(selector.matchers);
    const std::vector<std::string> names = index_.LabelNames(tenant, *filter, 100);
    const std::vector<std::string> values = index_.LabelValues(tenant, "b", *filter, 100);
    std::set<std::string> wanted_names, wanted_values;
    for (const int64_t id :
         model_.Select(tenant, selector.matchers, filter->from, filter->to, 1000)) {
      wanted_names.insert({"__name__", "host.name"});
      for (const Label& label : model_.series[static_cast<size_t>(id - 1)].row.labels) {
        wanted_names.insert(label.name);
        if (label.name == "b" && !label.value.empty()) wanted_values.insert(label.value);
      }
    }
    EXPECT_EQ(names, std::vector<std::string>(wanted_names.begin(), wanted_names.end()));
    EXPECT_EQ(values, std::vector<std::string>(wanted_values.begin(), wanted_values.end()));
  }

 private:
  uint32_t Pick(uint32_t below) { return static_cast<uint32_t>(random_()) % below; }

  void Add(int64_t id) {
    NaiveSeries one;
    one.tenant = static_cast<int32_t>(1 + Pick(2));
    const auto host = static_cast<int32_t>(Pick(6));
    one.host_key = "key-" + std::to_string(host);
    one.last_day = static_cast<Day>(kToday - (Pick(3) == 0 ? 5 + Pick(60) : Pick(4)));
    one.first_day = static_cast<Day>(one.last_day - Pick(30));
    one.row.id = id;
    one.row.host_id = one.tenant * 100 + host;
    one.row.host_name = "db" + std::to_string(host);
    one.row.name = Pick(2) == 0 ? "disk.io" : "m" + std::to_string(Pick(5));
    for (const char* name : {"a", "b", "c", "host"}) {
      if (Pick(3) != 0) one.row.labels.push_back({name, RandomValue()});
    }
    EXPECT_TRUE(index_.Add({id, one.row.host_id, one.row.name, "By", MetricKind::kGauge,
                            one.row.labels, one.first_day, one.last_day, 0}));
    model_.series.push_back(std::move(one));
  }
  std::string RandomValue() {
    constexpr const char* kValues[] = {"", "x", "y", "xx", "db1", "x\ny"};
    return Pick(4) == 0 ? std::to_string(Pick(100)) : kValues[Pick(6)];
  }
  Matcher RandomMatcher() {
    constexpr const char* kNames[] = {"a", "b", "c", "__name__", "host", "host.id", "never"};
    constexpr const char* kPatterns[] = {"x|y",       "x.?",          ".*",     ".+", "",
                                         "db[1-3]|x", "key-.|disk.*", "[0-9]+", "a|"};
    Matcher out;
    out.name = kNames[Pick(7)];
    out.op = static_cast<MatchOp>(Pick(4));
    const bool exact = out.op == MatchOp::kEqual || out.op == MatchOp::kNotEqual;
    if (!exact) {
      out.value = kPatterns[Pick(9)];
      // "." is "any but a line break" to std::regex, and anything to us.
      for (size_t at = 0; (at = out.value.find('.', at)) != std::string::npos; at += 6) {
        out.value.replace(at, 1, "[\\s\\S]");
      }
    } else if (out.name == "__name__") {
      out.value = "disk.io";
    } else {
      out.value = out.name == "host.id" ? "key-2" : RandomValue();
    }
    return out;
  }
  static std::string Describe(const std::vector<Matcher>& matchers) {
    std::string out;
    for (const Matcher& one : matchers) out += one.name + OpText(one.op) + one.value + " ";
    return out;
  }

  std::mt19937 random_;
  SeriesIndex index_;
  NaiveModel model_;
};

TEST(SeriesIndex, FindsWhatLookingAtEverySeriesFinds) {
  for (uint32_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomSeries series(seed);
    for (int question = 0; question < 40 && !::testing::Test::HasFailure(); ++question) {
      series.Check();
    }
  }
}

TEST(SeriesIndex, CountsOnlyTheTenantAsked) {
  SeriesIndex index(kLately);
  index.SetHost(1, 10, "db", "key");
  index.SetHost(2, 20, "db", "key");
  const Labels labels = {{"device", "sda"}};
  for (int64_t id = 1; id <= 3; ++id) {
    const int32_t host = id == 1 ? 10 : 20;
    ASSERT_TRUE(index.Add({id, host, id == 3 ? "b" : "a", "By", MetricKind::kGauge, labels, kToday,
                           kToday, kToday * 144}));
  }
  const auto now = shared::WallTime(std::chrono::days(kToday));
  const auto count = index.Count(2, now, 10);
  EXPECT_EQ(count.series, 2u);
  ASSERT_EQ(count.metrics.size(), 2u);
  EXPECT_EQ(count.metrics[0].name, "a");
  EXPECT_EQ(count.metrics[0].series, 1u);
  EXPECT_EQ(count.new_metrics[0].new_last_hour, 1u);
  ASSERT_EQ(count.hosts.size(), 1u);
  EXPECT_EQ(count.hosts[0].series, 2u);
  ASSERT_EQ(count.labels.size(), 1u);
  EXPECT_EQ(count.labels[0].values, 1u);
  EXPECT_EQ(index.Count(3, now, 10).series, 0u);
}

}  // namespace
