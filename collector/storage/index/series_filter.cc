#include "collector/storage/index/series_filter.h"

#include <algorithm>

namespace collector::storage {
namespace {

using api::Matcher;
using api::MatchOp;
using shared::Result;
using Subject = SeriesFilter::Subject;

Subject SubjectOf(std::string_view name) {
  if (name == "host" || name == kHostLabel) return Subject::kHostName;
  if (name == kHostKeyLabel) return Subject::kHostKey;
  return Subject::kLabel;
}

}  // namespace

Day DayOf(shared::WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
  return static_cast<Day>(std::clamp<int64_t>(days, 0, kLastDay));
}

Result<SeriesFilter> SeriesFilter::Make(const api::SeriesSelector& selector) {
  SeriesFilter filter;
  const auto add = [&](Subject subject, const Matcher& matcher) -> Result<void> {
    ASSIGN_OR_RETURN(ValueTest test, ValueTest::Make(matcher));
    filter.conditions.push_back({subject, matcher.name, std::move(test)});
    return {};
  };
  if (!selector.name.empty()) {
    RETURN_IF_ERROR(
        add(Subject::kLabel, {std::string(kMetricLabel), MatchOp::kEqual, selector.name}));
  }
  if (selector.host) {
    RETURN_IF_ERROR(add(Subject::kHostNameOrKey, {"host", MatchOp::kEqual, *selector.host}));
  }
  for (const shared::model::Label& label : selector.labels) {
    RETURN_IF_ERROR(add(Subject::kLabel, {label.name, MatchOp::kEqual, label.value}));
  }
  for (const Matcher& matcher : selector.matchers) {
    RETURN_IF_ERROR(add(SubjectOf(matcher.name), matcher));
  }
  if (selector.seen) {
    const Day from = DayOf(selector.seen->from);
    const Day to = DayOf(selector.seen->to);
    filter.from = from > kSeenBehindDays ? static_cast<Day>(from - kSeenBehindDays) : Day{0};
    filter.to = to < kLastDay - kBlocksBackDays ? static_cast<Day>(to + kBlocksBackDays) : kLastDay;
  }
  return filter;
}

bool SeriesFilter::Accepts(const api::SeriesRow& series, std::string_view host_key) const {
  const auto holds = [&](const Condition& condition) {
    switch (condition.subject) {
      case Subject::kHostName:
        return condition.test.Accepts(series.host_name);
      case Subject::kHostKey:
        return condition.test.Accepts(host_key);
      case Subject::kHostNameOrKey:
        return condition.test.Accepts(series.host_name) || condition.test.Accepts(host_key);
      case Subject::kLabel:
        break;
    }
    if (condition.name == kMetricLabel) return condition.test.Accepts(series.name);
    for (const shared::model::Label& label : series.labels) {
      if (label.name == condition.name) return condition.test.Accepts(label.value);
    }
    return condition.test.accepts_empty();
  };
  return std::all_of(conditions.begin(), conditions.end(), holds);
}

}  // namespace collector::storage
