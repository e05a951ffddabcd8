#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "collector/api/selector.h"
#include "collector/api/series_json.h"
#include "shared/text/time_text.h"

namespace collector::api {

// `resolution_ms` is 0 for samples as measured, else that of the rollup that answered. A sample is
// [seconds since 1970, value]; a value that JSON cannot say is "NaN", "+Inf" or "-Inf".
shared::Result<std::string> AskSamples(TelemetryReader& reader, const QueryContext& context,
                                       Parameters& parameters, const ApiOptions& options) {
  const SeriesSelector selector = ReadSelector(parameters, true);
  const TimeRange range = parameters.Range(std::chrono::minutes(15));
  const std::chrono::milliseconds step =
      parameters.Duration("step", {}, {}, std::chrono::hours(24 * 366));
  const size_t limit = parameters.Integer("limit", options.max_samples, 1, options.max_samples);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const SampleAnswer answer,
                   reader.Samples(context, {selector, range, step, options.max_series, limit}));
  JsonWriter json;
  json.BeginObject();
  json.Key("from").String(shared::text::FormatTime(range.from));
  json.Key("to").String(shared::text::FormatTime(range.to));
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
