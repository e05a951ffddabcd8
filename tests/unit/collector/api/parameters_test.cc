#include "collector/api/parameters.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "shared/text/time_text.h"

namespace {

using collector::api::Parameters;
using collector::api::TimeRange;
using collector::http::Request;
using shared::text::FormatTime;
using std::chrono::minutes;

Request Asked(std::vector<std::pair<std::string, std::string>> query) {
  Request request;
  request.query = std::move(query);
  return request;
}

constexpr shared::WallTime kNow{std::chrono::seconds(1'767'225'600)};

TEST(Parameters, GivesDefaultsForWhatIsAbsent) {
  const Request request = Asked({});
  Parameters parameters(request, kNow);
  EXPECT_EQ(parameters.Text("host"), std::nullopt);
  EXPECT_EQ(parameters.Integer("limit", 20, 1, 100), 20u);
  EXPECT_EQ(parameters.Flag("exact", true), true);
  EXPECT_EQ(parameters.Duration("step", minutes(1), minutes(1), minutes(5)), minutes(1));
  const TimeRange range = parameters.Range(minutes(15));
  EXPECT_EQ(FormatTime(range.from), "2025-12-31T23:45:00.000000Z");
  EXPECT_GT(range.to, kNow);  // half open: what happens now is inside
  EXPECT_TRUE(parameters.Check());
}

TEST(Parameters, SaysEveryFaultAtOnce) {
  const Request request = Asked({{"limit", "0"},
                                 {"from", "soon"},
                                 {"hots", "x"},
                                 {"order", "biggest"},
                                 {"exact", "yes"},
                                 {"step", "1h"},
                                 {"limit", "5"},
                                 {"id", "1e3"}});
  Parameters parameters(request, kNow);
  parameters.Text("host");
  parameters.Integer("limit", 20, 1, 1000);
  parameters.Range(minutes(15));
  constexpr std::array<std::string_view, 2> kOrders{"newest", "oldest"};
  EXPECT_EQ(parameters.OneOf("order", kOrders), "newest");
  parameters.Flag("exact", true);
  parameters.Duration("step", minutes(1), minutes(1), minutes(5));
  parameters.SignedInteger("id");
  parameters.RequiredText("metric");
  const shared::Result<void> checked = parameters.Check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, shared::ErrorCode::kInvalidInput);
  EXPECT_EQ(
      checked.error().message,
      "parameter 'limit': '0': expected a number from 1 to 1000; "
      "parameter 'from': 'soon': expected a time: RFC 3339 (2026-11-21T08:00:00Z), seconds since "
      "1970, or now-15m; "
      "parameter 'order': 'biggest': expected one of newest, oldest; "
      "parameter 'exact': 'yes': expected true or false; "
      "parameter 'step': '1h': expected a duration from 60000 ms to 300000 ms, like 30s, 15m, "
      "1h30m; "
      "parameter 'id': '1e3': expected a 64-bit whole number; "
      "parameter 'metric' is required; "
      "parameter 'hots': unknown; did you mean 'host'? allowed: host, limit, to, from, order, "
      "exact, step, id, metric; "
      "parameter 'limit' is given more than once");
}

TEST(Parameters, WantsTheRangeToBeginBeforeItsEnd) {
  const Request request = Asked({{"from", "now"}, {"to", "now-1h"}});
  Parameters parameters(request, kNow);
  parameters.Range(minutes(15));
  const shared::Result<void> checked = parameters.Check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "parameter 'from' (2026-01-01T00:00:00.000000Z) must be before 'to' "
            "(2025-12-31T23:00:00.000000Z)");
}

TEST(Parameters, GathersLabelMatchersSorted) {
  const Request request = Asked({{"label.state", "used"}, {"metric", "m"}, {"label.cpu", "0"}});
  Parameters parameters(request, kNow);
  parameters.Text("metric");
  const shared::model::Labels labels = parameters.LabelMatchers();
  ASSERT_TRUE(parameters.Check());
  EXPECT_EQ(labels, (shared::model::Labels{{"cpu", "0"}, {"state", "used"}}));
}

}  // namespace
