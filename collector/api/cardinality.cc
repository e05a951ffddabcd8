#include "collector/api/json_writer.h"
#include "collector/api/labels_json.h"
#include "collector/api/questions.h"
#include "shared/text/time_text.h"

namespace collector::api {
namespace {

using shared::text::FormatTime;

void WriteCounts(JsonWriter& json, std::string_view key, std::string_view name,
                 const std::vector<SeriesCount>& counts) {
  json.Key(key).BeginArray();
  for (const SeriesCount& one : counts) {
    json.BeginObject();
    json.Key(name).String(one.name);
    if (one.values > 0) json.Key("values").Unsigned(one.values);
    json.Key("series").Unsigned(one.series);
    json.Key("new_last_hour").Unsigned(one.new_last_hour);
    json.Key("new_last_day").Unsigned(one.new_last_day);
    json.EndObject();
  }
  json.EndArray();
}

void WriteRefused(JsonWriter& json, const std::vector<RefusedSeries>& refused) {
  json.Key("refused").BeginArray();
  for (const RefusedSeries& one : refused) {
    json.BeginObject();
    json.Key("reason").String(one.limit);
    json.Key("host").String(one.host_name);
    json.Key("metric").String(one.metric);
    json.Key("series").Unsigned(one.series);
    WriteLabels(json.Key("example"), one.example);
    json.Key("last_seen").String(FormatTime(one.last_seen));
    json.EndObject();
  }
  json.EndArray();
}

void WriteConflicts(JsonWriter& json, const std::vector<MetricConflict>& conflicts) {
  json.Key("conflicts").BeginArray();
  for (const MetricConflict& conflict : conflicts) {
    json.BeginObject();
    json.Key("metric").String(conflict.name);
    json.Key("variants").BeginArray();
    for (const MetricConflict::Variant& variant : conflict.variants) {
      json.BeginObject();
      json.Key("unit").String(variant.unit);
      json.Key("kind").String(shared::model::KindName(variant.kind));
      json.Key("series").Unsigned(variant.series);
      json.EndObject();
    }
    json.EndArray().EndObject();
  }
  json.EndArray();
}

}  // namespace

shared::Result<std::string> AskCardinality(TelemetryReader& reader, const QueryContext& context,
                                           Parameters& parameters, const ApiOptions& options) {
  const size_t top = parameters.Integer("limit", 20, 1, options.max_rows);
  RETURN_IF_ERROR(parameters.Check());
  ASSIGN_OR_RETURN(const Cardinality count, reader.CountSeries(context, top));
  JsonWriter json;
  json.BeginObject();
  json.Key("series").Unsigned(count.series);
  json.Key("active").Unsigned(count.active);
  json.Key("limits").BeginObject();
  json.Key("series_per_tenant").Unsigned(count.series_per_tenant);
  json.Key("series_per_agent").Unsigned(count.series_per_agent);
  json.EndObject();
  WriteCounts(json, "metrics", "metric", count.metrics);
  WriteCounts(json, "new_metrics", "metric", count.new_metrics);
  WriteCounts(json, "labels", "label", count.labels);
  WriteCounts(json, "hosts", "host", count.hosts);
  WriteRefused(json, count.refused);
  WriteConflicts(json, count.conflicts);
  json.EndObject();
  return json.Take();
}

}  // namespace collector::api
