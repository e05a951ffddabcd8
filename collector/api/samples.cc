#include <string_view>
#include <utility>
#include <vector>

#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "collector/api/selector.h"
#include "collector/api/series_json.h"
#include "shared/text/time_text.h"

namespace collector::api {
namespace {

constexpr std::pair<std::string_view, SampleAggregate> kAggregates[] = {
    {"avg", SampleAggregate::kAvg},           {"min", SampleAggregate::kMin},
    {"max", SampleAggregate::kMax},           {"sum", SampleAggregate::kSum},
    {"count", SampleAggregate::kCount},       {"last", SampleAggregate::kLast},
    {"increase", SampleAggregate::kIncrease}, {"rate", SampleAggregate::kRate}};

// `step` and `aggregate`, which go together.
void ReadAggregate(Parameters& parameters, SampleQuery& query) {
  constexpr std::chrono::milliseconds kShortest = std::chrono::seconds(1);
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 366);
  query.step = parameters.Duration("step", {}, kShortest, kLongest);
  std::vector<std::string_view> names;
  for (const auto& [name, aggregate] : kAggregates) names.push_back(name);
  const std::string name = parameters.OneOf("aggregate", names);
  const bool has_step = parameters.Has("step");
  const bool has_aggregate = parameters.Has("aggregate");
  if (has_step && !has_aggregate) parameters.Require("aggregate", "step");
  if (has_aggregate && !has_step) parameters.Require("step", "aggregate");
  if (!has_aggregate) return;
  for (const auto& [known, aggregate] : kAggregates) {
    if (known == name) query.aggregate = aggregate;
  }
}

}  // namespace

// `resolution_ms` is 0 for what was made of samples, else that of the rollups that answered. A
// sample is [seconds since 1970, value]; a value that JSON cannot say is "NaN", "+Inf" or "-Inf".
shared::Result<std::string> AskSamples(TelemetryReader& reader, const QueryContext& context,
                                       Parameters& parameters, const ApiOptions& options) {
  SampleQuery query;
  query.selector = ReadSelector(parameters, true);
  query.range = parameters.Range(std::chrono::minutes(15));
  ReadAggregate(parameters, query);
  query.series_limit = options.max_series;
  query.sample_limit = parameters.Integer("limit", options.max_samples, 1, options.max_samples);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const SampleAnswer answer, reader.Samples(context, query));
  JsonWriter json;
  json.BeginObject();
  json.Key("from").String(shared::text::FormatTime(query.range.from));
  json.Key("to").String(shared::text::FormatTime(query.range.to));
  json.Key("resolution_ms").Number(static_cast<double>(answer.resolution.count()));
  json.Key("series").BeginArray();
  for (const SeriesSamples& row : answer.series) {
    json.BeginObject();
    WriteSeriesFields(json, row.series);
    json.Key("samples").BeginArray();
    for (const SampleRow& sample : row.samples) {
      json.BeginArray();
      json.Number(static_cast<double>(sample.time_unix_nano / 1000) / 1e6);
      json.Number(sample.value);
      json.EndArray();
    }
    json.EndArray().EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace collector::api
