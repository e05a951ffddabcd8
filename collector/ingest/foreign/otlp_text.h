#pragma once

#include <string>
#include <string_view>

#include "collector/ingest/foreign/source.h"
#include "opentelemetry/proto/common/v1/common.pb.h"
#include "shared/model/labels.h"

namespace collector::ingest::foreign {

// A value as the text of a label: a string as it is, true, 12, 12.5, bytes in base64, arrays and
// maps as JSON, nothing as "". Appends to `out`; false: nested deeper than `max_depth`.
bool AppendText(const opentelemetry::proto::common::v1::AnyValue& value, size_t max_depth,
                std::string& out);

using KeyValues = google::protobuf::RepeatedPtrField<opentelemetry::proto::common::v1::KeyValue>;

// Attributes in the order in which they stand. False: one is nested deeper than `max_depth`.
bool AppendLabels(const KeyValues& attributes, size_t max_depth, shared::model::Labels& out);

// The source that a resource's attributes name. Not "": the reason why it cannot be stored, with
// its data ("label_limit", "nul_byte", "nesting_limit" or "repeated_label").
std::string_view ReadSource(const KeyValues& attributes, std::string_view topic,
                            const ForeignLimits& limits, Source& source, std::string& example);

}  // namespace collector::ingest::foreign
