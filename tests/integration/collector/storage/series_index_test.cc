#include <gtest/gtest.h>

#include <algorithm>

#include "collector/storage/catalogue_reader.h"
#include "collector/storage/index/index_keeper.h"
#include "tests/integration/collector/storage/store_fixture.h"

namespace {

using collector::api::Matcher;
using collector::api::MatchOp;
using collector::api::SeriesRow;
using collector::api::SeriesSelector;
using pgvigil::v1::STREAM_METRICS;
using shared::model::MetricKind;
using tests::AddBlock;
using tests::AddLayout;
using tests::AgentBatch;
using tests::kStart;
using tests::MakeBlock;
using tests::MakeLayout;
using tests::StoreTest;

class SeriesIndexTest : public StoreTest {
 protected:
  // The store answers from SQL until the index is loaded; labels come from the index only.
  void SetUp() override {
    StoreTest::SetUp();
    WaitForIndex(*store_);
  }
  void WaitForIndex(tests::Store& store) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!store.reader().LabelNames(Context(), {}, 1)) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the index was not loaded";
      std::this_thread::yield();
    }
  }
  void StoreLayout(tests::Store& store, int agent, uint64_t sequence,
                   const shared::model::Layout& layout, int32_t tenant = 1) {
    auto batch = AgentBatch(STREAM_METRICS, agent, sequence);
    AddLayout(batch, layout);
    AddBlock(batch, layout, MakeBlock(layout.series.size(), 2, kStart));
    const auto reply = tests::Submit(store, std::move(batch), tenant);
    ASSERT_TRUE(reply) << reply.error().message;
  }
  std::vector<SeriesRow> Series(tests::Store& store, const SeriesSelector& selector,
                                int32_t tenant = 1) {
    auto rows = store.reader().Series(Context(tenant), selector, 1000);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows ? *rows : std::vector<SeriesRow>();
  }
};

SeriesSelector Match(std::vector<Matcher> matchers) {
  SeriesSelector selector;
  selector.matchers = std::move(matchers);
  return selector;
}

shared::model::Layout LayoutOf(std::vector<shared::model::Series> series) {
  shared::model::Layout layout;
  layout.series = std::move(series);
  layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
  return layout;
}

TEST_F(SeriesIndexTest, FindsASeriesAsSoonAsItIsStoredByAnyCollector) {
  auto other = OpenStore(clock_);
  WaitForIndex(*other);
  for (int agent = 1; agent <= 5; ++agent) {
    StoreLayout(agent % 2 == 0 ? *store_ : *other, agent, 1, MakeLayout(3));
    EXPECT_EQ(Series(*store_, {}).size(), static_cast<size_t>(agent) * 3);
    EXPECT_EQ(Series(*other, {}).size(), static_cast<size_t>(agent) * 3);
  }
}

TEST_F(SeriesIndexTest, AnswersAsSqlDoes) {
  for (int agent = 1; agent <= 3; ++agent) StoreLayout(*store_, agent, 1, MakeLayout(4));
  StoreLayout(*store_, 1, 2,
              LayoutOf({{"disk.io", "By", MetricKind::kCounter, {{"device", "sda"}}},
                        {"disk.io", "By", MetricKind::kCounter, {{"device", "s\"d\\\u00e9"}}},
                        {"Disk.io", "s", MetricKind::kGauge, {{"host", "own"}, {"n", ""}}}}));
  StoreLayout(*store_, 1, 1, MakeLayout(4), 2);
  const std::vector<SeriesSelector> selectors = {
      {},
      Match({{"__name__", MatchOp::kEqual, "disk.io"}}),
      Match({{"__name__", MatchOp::kMatches, ".*\\.io"}}),
      Match({{"n", MatchOp::kEqual, ""}}),
      Match({{"n", MatchOp::kNotEqual, ""}, {"host", MatchOp::kNotMatches, "db-[12]"}}),
      Match({{"n", MatchOp::kMatches, "1|2|9"}}),
      Match({{"host", MatchOp::kEqual, "db-1"}, {"n", MatchOp::kNotEqual, "3"}}),
      Match({{"host.id", MatchOp::kMatches, "key-2"}}),
      {"test.value", "db-2", {{"n", "1"}}, {}, {}},
      {"", "key-1", {{"host", "own"}}, {}, {}},
  };
  // Readers without an index.
  collector::storage::ReadPool pool(server_.Options("pgvigil"), 1, clock_);
  for (size_t i = 0; i < selectors.size(); ++i) {
    for (const size_t limit : {size_t{3}, size_t{1000}}) {
      auto session = pool.Lease(Context().deadline);
      ASSERT_TRUE(session);
      const auto by_sql = collector::storage::ReadSeries(*session, {1}, selectors[i], limit);
      const auto by_index = store_->reader().Series(Context(), selectors[i], limit);
      ASSERT_TRUE(by_sql && by_index);
      ASSERT_EQ(by_sql->size(), by_index->size()) << "selector " << i;
      EXPECT_FALSE(by_sql->empty()) << "selector " << i;
      for (size_t row = 0; row < by_sql->size(); ++row) {
        const SeriesRow& a = (*by_sql)[row];
        const SeriesRow& b = (*by_index)[row];
        EXPECT_EQ(std::tie(a.id, a.host_id, a.host_name, a.name, a.unit, a.kind, a.labels),
                  std::tie(b.id, b.host_id, b.host_name, b.name, b.unit, b.kind, b.labels));
      }
    }
  }
}

TEST_F(SeriesIndexTest, KeepsTenantsApart) {
  StoreLayout(*store_, 1, 1, MakeLayout(2), 1);
  StoreLayout(*store_, 1, 1, MakeLayout(3), 2);
  EXPECT_EQ(Series(*store_, {}, 1).size(), 2u);
  EXPECT_EQ(Series(*store_, {}, 2).size(), 3u);
  EXPECT_EQ(Series(*store_, {}, 3).size(), 0u);
  EXPECT_EQ(store_->reader().LabelValues(Context(1), "n", {}, 10)->size(), 2u);
  EXPECT_EQ(store_->reader().LabelValues(Context(2), "n", {}, 10)->size(), 3u);
  EXPECT_EQ(store_->reader().CountSeries(Context(2), 10)->series, 3u);
}

TEST_F(SeriesIndexTest, NamesAPatternThatIsNone) {
  const auto rows =
      store_->reader().Series(Context(), Match({{"host", MatchOp::kMatches, "db("}}), 10);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, shared::ErrorCode::kInvalidInput);
  EXPECT_EQ(rows.error().message, "host=~\"db(\": missing ): db(");
}

}  // namespace
