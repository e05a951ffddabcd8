#include "collector/api/selector.h"

#include "collector/api/selector_text.h"

namespace collector::api {

SeriesSelector ReadSelector(Parameters& parameters, bool required) {
  SeriesSelector selector;
  selector.name = required && !parameters.Has("match") ? parameters.RequiredText("metric")
                                                       : parameters.Text("metric").value_or("");
  selector.host = parameters.Text("host");
  selector.labels = parameters.LabelMatchers();
  if (const std::optional<std::string> text = parameters.Text("match")) {
    shared::Result<std::vector<Matcher>> matchers = ParseSelector(*text);
    if (matchers) {
      selector.matchers = std::move(*matchers);
    } else {
      parameters.AddFault("match", *text,
                          "a selector like cpu.time{host=~\"db.*\"}; " + matchers.error().message);
    }
  }
  return selector;
}

SeriesSelector ReadSelectorAndRange(Parameters& parameters) {
  SeriesSelector selector = ReadSelector(parameters, false);
  const bool limited = parameters.Has("from") || parameters.Has("to");
  const TimeRange range = parameters.Range(std::chrono::hours(24));
  if (limited) selector.seen = range;
  return selector;
}

}  // namespace collector::api
