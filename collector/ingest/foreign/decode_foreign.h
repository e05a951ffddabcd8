#pragma once

#include <string_view>
#include <vector>

#include "collector/ingest/foreign/foreign_limits.h"
#include "collector/ingest/foreign/foreign_record.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace collector::ingest::foreign {

// How a producer writes its records.
//   kOtlpProto, kOtlpJson  ExportMetricsServiceRequest or ExportLogsServiceRequest (the same bytes
//                          as MetricsData and LogsData)
//   kJson                  metrics only: {"host":"db1","metric":"disk.used","value":12.5,
//                          "ts_event":"2026-01-01T00:00:00Z","unit":"MB","tags":{"disk":"sda"}},
//                          an array of these, or one a line (plain_json.h)
enum class ForeignEncoding { kOtlpProto, kOtlpJson, kJson };
enum class ForeignSignal { kMetrics, kLogs };

struct ForeignDecoded {
  std::vector<pgvigil::v1::Batch> batches;     // one for each host, ordered by host
  std::vector<pgvigil::v1::Refusal> refusals;  // what was left out, by reason, with an example
};

// Turns one record into batches like an agent's, so that one path stores everything. Pure: the same
// record gives the same batches, so that what is delivered twice is stored once.
//
// A batch names its sender as agents do: agent_id is a hash of (topic, partition, host),
// incarnation the record's, sequence its offset + 1. Sequences of one host ascend, with gaps where
// the partition held records of others.
//
//   metrics  a layout for each metric of each service or container (source.h), so that a layout
//            changes only when the metric's own series do; its blocks hold exactly the points
//            (point_table.h). OTLP names and units stay; how kinds are mapped: otlp_metrics.h.
//   logs     one chunk for each host, of the file "kafka:TOPIC/PARTITION" (otlp_logs.h).
//
// What is wrong with a part refuses that part:
//   timestamp_out_of_range, label_limit, repeated_label, nul_byte, unnamed_metric, unit_limit,
//   point_limit, series_limit, bucket_limit, log_limit, nesting_limit (ForeignLimits),
//   conflicting_point (same series and time, another value: the first stays), conflicting_series
//   (same name and labels, another kind or unit), delta_temporality, unspecified_temporality,
//   exponential_histogram, malformed_point, malformed_log, and, of a line of JSON, malformed_json
//
// kMalformed: the record is not of that encoding: "otlp_json: byte 17: expected ':' after a key".
// kResourceExhausted: it is larger than limits.value_bytes; no later attempt can be better.
// kInvalidInput: an offset beyond 2^43, or a signal that the encoding has not.
shared::Result<ForeignDecoded> DecodeForeign(const ForeignRecord& record, ForeignEncoding encoding,
                                             ForeignSignal signal, const ForeignLimits& limits,
                                             shared::WallTime now);

}  // namespace collector::ingest::foreign
