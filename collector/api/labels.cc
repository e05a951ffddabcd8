#include "collector/api/json_writer.h"
#include "collector/api/questions.h"
#include "collector/api/selector.h"

namespace collector::api {
namespace {

std::string TextsDocument(std::string_view key, const std::vector<std::string>& texts) {
  JsonWriter json;
  json.BeginObject().Key(key).BeginArray();
  for (const std::string& text : texts) json.String(text);
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace

shared::Result<std::string> AskLabels(TelemetryReader& reader, const QueryContext& context,
                                      Parameters& parameters, const ApiOptions& options) {
  const SeriesSelector selector = ReadSelectorAndRange(parameters);
  const size_t limit = parameters.Integer("limit", 1000, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   reader.LabelNames(context, selector, limit));
  return TextsDocument("labels", names);
}

shared::Result<std::string> AskLabelValues(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options,
                                           const std::string& name) {
  const SeriesSelector selector = ReadSelectorAndRange(parameters);
  const size_t limit = parameters.Integer("limit", 1000, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const std::vector<std::string> values,
                   reader.LabelValues(context, name, selector, limit));
  return TextsDocument("values", values);
}

}  // namespace collector::api
