#include "collector/storage/index/label_index.h"

#include <gtest/gtest.h>

namespace {

using collector::api::Matcher;
using collector::api::MatchOp;
using collector::api::SeriesSelector;
using collector::storage::Day;
using collector::storage::LabelIndex;
using collector::storage::SeriesFilter;
using shared::model::Labels;
using shared::model::MetricKind;

constexpr Day kToday = 20'000;

class LabelIndexTest : public ::testing::Test {
 protected:
  LabelIndexTest() {
    index_.SetHost(1, "db1", "key-1");
    index_.SetHost(2, "db2", "key-2");
  }
  void Add(int64_t id, int32_t host, std::string_view metric, const Labels& labels,
           Day last_day = kToday, std::string_view unit = "By") {
    EXPECT_TRUE(index_.Add({id, host, metric, unit, MetricKind::kGauge, labels,
                            static_cast<Day>(last_day - 1), last_day, last_day * 144}));
  }
  // Ids of the series that match, ascending by position.
  std::vector<int64_t> IdsOf(const SeriesFilter& filter) const {
    std::vector<int64_t> out;
    for (const uint32_t one : index_.Select(filter)) out.push_back(index_.Row(one).id);
    return out;
  }
  std::vector<int64_t> Match(std::vector<Matcher> matchers) const {
    SeriesSelector selector;
    selector.matchers = std::move(matchers);
    auto filter = SeriesFilter::Make(selector);
    EXPECT_TRUE(filter) << filter.error().message;
    return IdsOf(*filter);
  }
  LabelIndex index_;
};

using Ids = std::vector<int64_t>;

TEST_F(LabelIndexTest, TakesAnEmptyValueForAnAbsentLabel) {
  Add(10, 1, "disk.io", {{"device", "sda"}, {"mode", ""}});
  Add(11, 1, "disk.io", {{"device", "sdb"}, {"mode", "rw"}});
  Add(12, 2, "disk.io", {});
  EXPECT_EQ(Match({{"device", MatchOp::kEqual, ""}}), Ids({12}));
  EXPECT_EQ(Match({{"device", MatchOp::kNotEqual, ""}}), Ids({10, 11}));
  EXPECT_EQ(Match({{"device", MatchOp::kNotEqual, "sda"}}), Ids({11, 12}));
  EXPECT_EQ(Match({{"mode", MatchOp::kEqual, ""}}), Ids({10, 12}));
  EXPECT_EQ(Match({{"mode", MatchOp::kMatches, ".*"}}), Ids({10, 11, 12}));
  EXPECT_EQ(Match({{"mode", MatchOp::kMatches, ".+"}}), Ids({11}));
  EXPECT_EQ(Match({{"device", MatchOp::kMatches, "sda|"}}), Ids({10, 12}));
  EXPECT_EQ(Match({{"device", MatchOp::kNotMatches, "sda|"}}), Ids({11}));
  EXPECT_EQ(Match({{"nothing", MatchOp::kEqual, ""}}), Ids({10, 11, 12}));
  EXPECT_EQ(Match({{"nothing", MatchOp::kNotEqual, ""}}), Ids());
}

// A pattern is told apart by its plain beginning first: that must not change what it matches.
TEST_F(LabelIndexTest, MatchesWhateverAPatternBeginsWith) {
  const std::vector<std::string> values = {"d",   "db",        "db1", "db11",
                                           "dbb", "d\xc3\xa9", "dx",  "DB"};
  for (size_t i = 0; i < values.size(); ++i) {
    Add(static_cast<int64_t>(i), 1, "m", {{"a", values[i]}});
  }
  const auto check = [&](const std::string& pattern, const Ids& wanted) {
    EXPECT_EQ(Match({{"a", MatchOp::kMatches, pattern}}), wanted) << pattern;
  };
  check("db.*", {1, 2, 3, 4});
  check("db.+", {2, 3, 4});
  check("db?", {0, 1});
  check("db*", {0, 1, 4});
  check("db+", {1, 4});
  check("db{2}", {4});
  check("db{0,1}", {0, 1});
  check("db1|dx", {2, 6});
  check("db(1|b)", {2, 4});
  check("db[0-9]+", {2, 3});
  check("d\xc3\xa9?", {0, 5});
  check("d\xc3\xa9*", {0, 5});
  check("(?i)db", {1, 7});
  check("^db$", {1});
  check("d\\x62", {1});
  check("db$", {1});
  check("db.*1", {2, 3});
}

TEST_F(LabelIndexTest, KnowsMetricAndHostAsLabels) {
  Add(10, 1, "disk.io", {{"host", "inner"}});
  Add(11, 2, "disk.time", {});
  EXPECT_EQ(Match({{"__name__", MatchOp::kEqual, "disk.io"}}), Ids({10}));
  EXPECT_EQ(Match({{"__name__", MatchOp::kMatches, "disk..*"}}), Ids({10, 11}));
  EXPECT_EQ(Match({{"host", MatchOp::kEqual, "db1"}}), Ids({10}));
  EXPECT_EQ(Match({{"host.name", MatchOp::kMatches, "db[12]"}}), Ids({10, 11}));
  EXPECT_EQ(Match({{"host.id", MatchOp::kNotEqual, "key-1"}}), Ids({11}));
  SeriesSelector own;
  own.labels = {{"host", "inner"}};
  EXPECT_EQ(IdsOf(*SeriesFilter::Make(own)), Ids({10}));
  own = {};
  own.host = "key-2";
  EXPECT_EQ(IdsOf(*SeriesFilter::Make(own)), Ids({11}));
}

TEST_F(LabelIndexTest, FindsARenamedHostByItsNewName) {
  Add(10, 1, "disk.io", {});
  index_.SetHost(1, "primary", "key-1");
  EXPECT_EQ(Match({{"host", MatchOp::kEqual, "db1"}}), Ids());
  EXPECT_EQ(Match({{"host", MatchOp::kEqual, "primary"}}), Ids({10}));
  EXPECT_EQ(index_.Row(0).host_name, "primary");
}

TEST_F(LabelIndexTest, LeavesOutSeriesOfOtherDays) {
  Add(10, 1, "disk.io", {}, kToday - 30);
  Add(11, 1, "disk.io", {}, kToday);
  SeriesFilter filter;
  filter.from = kToday - 10;
  EXPECT_EQ(IdsOf(filter), Ids({11}));
  filter = {};
  filter.to = kToday - 10;
  EXPECT_EQ(IdsOf(filter), Ids({10}));
  filter = {};
  filter.from = kToday - 10;
  EXPECT_TRUE(index_.Touch(10, kToday));
  EXPECT_EQ(IdsOf(filter), Ids({10, 11}));
  index_.Hide(11);
  EXPECT_EQ(IdsOf(filter), Ids({10}));
}

TEST_F(LabelIndexTest, TakesAnIdOnce) {
  Add(10, 1, "disk.io", {});
  EXPECT_FALSE(index_.Add({10, 1, "disk.io", "By", MetricKind::kGauge, {}, 1, 1, 1}));
  EXPECT_EQ(index_.size(), 1u);
}

TEST_F(LabelIndexTest, CountsSeriesValuesAndNewOnes) {
  Add(10, 1, "disk.io", {{"device", "sda"}});
  Add(11, 1, "disk.io", {{"device", "sdb"}}, kToday - 1);
  Add(12, 2, "disk.time", {}, kToday - 9);
  const int64_t now = kToday * 144 + 3;
  auto metrics = index_.CountMetrics(now);
  EXPECT_EQ(metrics["disk.io"].series, 2u);
  EXPECT_EQ(metrics["disk.io"].new_last_hour, 1u);
  EXPECT_EQ(metrics["disk.io"].new_last_day, 1u);
  EXPECT_EQ(metrics["disk.time"].new_last_day, 0u);
  EXPECT_EQ(index_.CountLabels(now)["device"].values, 2u);
  EXPECT_EQ(index_.CountHosts(now)[1].series, 2u);
}

TEST_F(LabelIndexTest, TellsMetricsThatDifferInUnit) {
  Add(10, 1, "disk.io", {});
  Add(11, 1, "disk.io", {{"device", "sdb"}}, kToday, "s");
  Add(12, 2, "disk.time", {});
  const auto conflicts = index_.Conflicts();
  ASSERT_EQ(conflicts.size(), 1u);
  EXPECT_EQ(conflicts[0].name, "disk.io");
  ASSERT_EQ(conflicts[0].variants.size(), 2u);
  EXPECT_EQ(conflicts[0].variants[0].unit, "By");
  EXPECT_EQ(conflicts[0].variants[1].unit, "s");
}

TEST(SeriesFilter, NamesThePatternThatIsNone) {
  SeriesSelector selector;
  selector.matchers = {{"host", MatchOp::kMatches, "db("}};
  const auto filter = SeriesFilter::Make(selector);
  ASSERT_FALSE(filter);
  EXPECT_EQ(filter.error().message, "host=~\"db(\": missing ): db(");
  selector.matchers = {{"host", MatchOp::kNotMatches, std::string(5000, 'a')}};
  EXPECT_EQ(SeriesFilter::Make(selector).error().message,
            "host!~\"" + std::string(100, 'a') + "\": longer than 4096 bytes");
}

}  // namespace
