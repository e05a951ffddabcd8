#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "collector/api/selector.h"
#include "collector/api/series_json.h"

namespace collector::api {

shared::Result<std::string> AskSeries(TelemetryReader& reader, const QueryContext& context,
                                      Parameters& parameters, const ApiOptions& options) {
  const SeriesSelector selector = ReadSelectorAndRange(parameters);
  const size_t limit = parameters.Integer("limit", 1000, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<SeriesRow> rows, reader.Series(context, selector, limit));
  JsonWriter json;
  json.BeginObject().Key("series").BeginArray();
  for (const SeriesRow& row : rows) {
    json.BeginObject();
    WriteSeriesFields(json, row);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace collector::api
