#pragma once

#include "collector/api/json_writer.h"
#include "collector/api/labels_json.h"
#include "collector/api/telemetry_reader.h"

namespace collector::api {

// The members that name a series, inside an object of the caller's.
inline void WriteSeriesFields(JsonWriter& json, const SeriesRow& row) {
  json.Key("id").Signed(row.id);
  json.Key("metric").String(row.name);
  json.Key("unit").String(row.unit);
  json.Key("kind").String(shared::model::KindName(row.kind));
  json.Key("host").String(row.host_name);
  WriteLabels(json.Key("labels"), row.labels);
}

}  // namespace collector::api
