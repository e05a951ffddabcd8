#include <gtest/gtest.h>

#include "tests/integration/collector/storage/store_fixture.h"

namespace {

using pgvigil::v1::BatchReply;
using pgvigil::v1::STREAM_METRICS;
using shared::Result;
using shared::model::MetricKind;
using tests::AddBlock;
using tests::AddLayout;
using tests::AgentBatch;
using tests::kSecond;
using tests::kStart;
using tests::MakeBlock;
using tests::MakeLayout;
using tests::StoreTest;

// An agent may have 5 series, a tenant 12, and a host begins 4 layouts an hour.
class SeriesLimitsTest : public StoreTest {
 protected:
  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    store_ = OpenLimited();
  }
  std::unique_ptr<tests::Store> OpenLimited() {
    tests::StoreOptions options = Options(server_);
    options.limits.series = {5, 12, 4};
    auto store = tests::Store::Open(options, clock_, registry_);
    EXPECT_TRUE(store) << store.error().message;
    WaitUntilReady(**store);
    return std::move(*store);
  }
  BatchReply Send(tests::Store& store, int agent, uint64_t sequence,
                  const shared::model::Layout& layout, bool with_layout = true) {
    auto batch = AgentBatch(STREAM_METRICS, agent, sequence);
    if (with_layout) AddLayout(batch, layout);
    AddBlock(
        batch, layout,
        MakeBlock(layout.series.size(), 2, kStart + static_cast<int64_t>(sequence) * 60 * kSecond));
    const Result<BatchReply> reply = tests::Submit(store, std::move(batch));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : BatchReply();
  }
  size_t SamplesOf(int agent) {
    collector::api::SeriesSelector selector;
    selector.host = "db-" + std::to_string(agent);
    const auto answer = store_->reader().Samples(
        Context(), selector,
        {shared::FromUnixNanos(kStart), shared::FromUnixNanos(kStart + 3600 * kSecond)}, 100, 1000);
    EXPECT_TRUE(answer) << answer.error().message;
    size_t samples = 0;
    for (const auto& one : *answer) samples += one.samples.size();
    return samples;
  }
};

TEST_F(SeriesLimitsTest, RefusesNewSeriesOfAnAgentByNameAndLetsTheOthersFlow) {
  EXPECT_EQ(Send(*store_, 1, 1, MakeLayout(3)).refusals_size(), 0);
  const BatchReply reply = Send(*store_, 1, 2, MakeLayout(8));  // three known, five new, room for 2
  ASSERT_EQ(reply.refusals_size(), 1);
  EXPECT_EQ(reply.refusals(0).reason(), "series_limit");
  EXPECT_EQ(reply.refusals(0).items(), 6u);  // three series, two ticks
  EXPECT_EQ(reply.refusals(0).example(),
            "3 new series, such as test.value{\"job\":\"test\",\"n\":\"5\"}: series_per_agent: "
            "3 of at most 5 are active");
  EXPECT_EQ(reply.missing_layouts_size(), 0);
  EXPECT_EQ(Ask("SELECT series_ids[6:8] = '{0,0,0}' AND 0 <> ALL (series_ids[1:5])"
                " FROM pgvigil.layout WHERE cardinality(series_ids) = 8"),
            "t");
  EXPECT_EQ(SamplesOf(1), 3u * 2 + 5u * 2);
  // Also of blocks that name the layout later, and in the tables.
  EXPECT_EQ(Send(*store_, 1, 3, MakeLayout(8), false).refusals(0).items(), 6u);
  EXPECT_EQ(Ask("SELECT items FROM pgvigil.refusal WHERE reason = 'series_limit'"), "12");
  EXPECT_EQ(Ask("SELECT concat_ws(' ', metric, reason, series, example->>'n')"
                " FROM pgvigil.series_refusal"),
            "test.value series_per_agent 3 7");
  EXPECT_EQ(Ask("SELECT active FROM pgvigil.host_series"), "5");
}

TEST_F(SeriesLimitsTest, RefusesNewSeriesOfATenantThatIsFull) {
  for (int agent = 1; agent <= 2; ++agent) Send(*store_, agent, 1, MakeLayout(5));
  const BatchReply reply = Send(*store_, 3, 1, MakeLayout(5));
  ASSERT_EQ(reply.refusals_size(), 1);
  EXPECT_EQ(reply.refusals(0).example(),
            "3 new series, such as test.value{\"job\":\"test\",\"n\":\"2\"}: series_per_tenant: "
            "10 of at most 12 are active");
  EXPECT_EQ(SamplesOf(3), 4u);
  const auto count = store_->reader().CountSeries(Context(), 10);
  if (count) {  // the index may still be loading
    EXPECT_EQ(count->active, 12u);
    ASSERT_EQ(count->refused.size(), 1u);
    EXPECT_EQ(count->refused[0].metric, "test.value");
    EXPECT_EQ(count->refused[0].series, 3u);
  }
}

TEST_F(SeriesLimitsTest, TakesTheRefusedOnesWhenThereIsRoom) {
  const auto layout = MakeLayout(8);
  Send(*store_, 1, 1, layout);
  EXPECT_EQ(SamplesOf(1), 5u * 2);
  clock_.Advance(std::chrono::minutes(61));
  // Asked for again, for its series are named nowhere else; there is no room yet.
  EXPECT_EQ(Send(*store_, 1, 2, layout, false).missing_layouts_size(), 1);
  EXPECT_EQ(Send(*store_, 1, 2, layout).refusals(0).items(), 6u);
  // With another limit there is, and what was stored meanwhile can be read.
  store_ = OpenStore(clock_);
  EXPECT_EQ(Send(*store_, 1, 3, layout, false).missing_layouts_size(), 1);
  EXPECT_EQ(Send(*store_, 1, 3, layout).refusals_size(), 0);
  EXPECT_EQ(Send(*store_, 1, 4, layout, false).refusals_size(), 0);
  EXPECT_EQ(SamplesOf(1), 8u * 2 * 4);
}

TEST_F(SeriesLimitsTest, HoldsWhenTwoCollectorsRegisterAtOnce) {
  auto other = OpenLimited();
  std::vector<std::future<Result<BatchReply>>> replies;
  for (int agent = 1; agent <= 8; ++agent) {
    for (tests::Store* store : {store_.get(), other.get()}) {
      auto batch = AgentBatch(STREAM_METRICS, agent + (store == other.get() ? 4 : 0), 1);
      AddLayout(batch, MakeLayout(4));
      replies.push_back(tests::SubmitAsync(*store, std::move(batch)));
    }
  }
  for (auto& reply : replies) EXPECT_TRUE(reply.get());
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.series"), "12");
  EXPECT_EQ(Ask("SELECT sum(active) FROM pgvigil.host_series"), "12");
}

TEST_F(SeriesLimitsTest, RefusesLayoutsOfAHostThatBeginsTooMany) {
  for (size_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(Send(*store_, 1, i, MakeLayout(i)).refusals_size(), 0);
  }
  shared::model::Layout other;
  other.series = {{"other", "By", MetricKind::kGauge, {}}};
  other.hash = shared::model::ComputeHash({}, other.series);
  const BatchReply reply = Send(*store_, 1, 5, other);
  ASSERT_EQ(reply.refusals_size(), 1);
  EXPECT_EQ(reply.refusals(0).reason(), "layout_limit");
  EXPECT_EQ(reply.refusals(0).items(), 2u);
  EXPECT_EQ(reply.refusals(0).example(),
            "layout " + shared::model::ToHex(other.hash) +
                " of 1 series: layouts_per_hour: the host began 4 of at most 4 in the last hour");
  EXPECT_EQ(reply.missing_layouts_size(), 0);
  // Those that are known go on, and it may come later.
  EXPECT_EQ(Send(*store_, 1, 6, MakeLayout(4)).refusals_size(), 0);
  server_.Execute("UPDATE pgvigil.layout SET first_seen = now() - interval '2 hours'", "pgvigil");
  clock_.Advance(std::chrono::minutes(11));
  EXPECT_EQ(Send(*store_, 1, 7, other).refusals_size(), 0);
}

TEST_F(SeriesLimitsTest, MakesNewSeriesOfAMetricThatChangesItsUnit) {
  shared::model::Layout layout;
  for (const char* unit : {"By", "s"}) {
    layout.series = {{"odd", unit, MetricKind::kGauge, {}}};
    layout.hash = shared::model::ComputeHash({}, layout.series);
    Send(*store_, 1, unit[0] == 'B' ? 1 : 2, layout);
  }
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.series"), "2");
  EXPECT_EQ(SamplesOf(1), 4u);
}

}  // namespace
