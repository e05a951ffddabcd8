#pragma once

#include <string_view>

#include "collector/ingest/foreign/foreign_limits.h"
#include "collector/ingest/refusals.h"
#include "opentelemetry/proto/collector/logs/v1/logs_service.pb.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "shared/base/result.h"

namespace collector::ingest::foreign {

// Reads OTLP/JSON (the protobuf mapping with OTLP's exceptions) into `request`. Keys in lowerCamel
// or snake case, unknown ones are skipped; 64-bit integers as numbers or strings; doubles also as
// "NaN", "Infinity", "-Infinity"; enums as numbers or names; trace and span ids in hexadecimal;
// bytes in base64; null as absent. Exemplars, descriptions and metadata are skipped, and
// exponential histograms keep the number of their points only.
//
// A member of another kind than expected refuses the smallest list element that holds it (a point,
// a metric, a log record, a resource) as "malformed_point" or "malformed_log":
//   resourceMetrics[0].scopeMetrics[0].metrics[2].gauge.dataPoints[5].asInt: expected an integer
// kMalformed: not JSON ("byte 17: expected ':' after a key"), or not an object with resourceMetrics
// or resourceLogs.
shared::Result<void> ReadOtlpJson(
    std::string_view text, const ForeignLimits& limits, Refusals& refusals,
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest& request);
shared::Result<void> ReadOtlpJson(
    std::string_view text, const ForeignLimits& limits, Refusals& refusals,
    opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest& request);

}  // namespace collector::ingest::foreign
