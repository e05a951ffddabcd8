#pragma once

#include "collector/api/json_writer.h"
#include "shared/model/labels.h"

namespace collector::api {

// {"cpu.mode":"user","cpu.logical_number":"0"}
inline void WriteLabels(JsonWriter& json, const shared::model::Labels& labels) {
  json.BeginObject();
  for (const shared::model::Label& label : labels) json.Key(label.name).String(label.value);
  json.EndObject();
}

}  // namespace collector::api
