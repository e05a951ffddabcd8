#pragma once

#include <vector>

#include "collector/ingest/foreign/foreign_limits.h"
#include "collector/ingest/foreign/foreign_record.h"
#include "collector/ingest/refusals.h"
#include "opentelemetry/proto/collector/logs/v1/logs_service.pb.h"
#include "pgvigil/v1/batch.pb.h"

namespace collector::ingest::foreign {

// The log records of an OTLP message: a batch for each host, each with one chunk of the file
// "kafka:TOPIC/PARTITION".
//
// To the store a partition is a file that grows by 2^20 bytes with each Kafka record: the n-th log
// record of the one at offset k (refused ones are counted, too) is the byte k * 2^20 + n. The chunk
// of a host begins at 0, for nothing of it came that was not delivered before, and ends at
// (k + 1) * 2^20, so that a Kafka record delivered twice is stored once.
//
//   time        its own, else the observed one, else that of the Kafka record
//   body        a string as it is, other values as JSON; cut at limits.log_body_bytes (truncated)
//   attributes  the record's; those of the resource that tell apart (source.h); otel.scope.name;
//               event.name; trace_id and span_id in hexadecimal. Values are cut at
//               limits.label_value_bytes (truncated). Of two with one name the record's stays.
// NUL bytes become U+FFFD (sanitised).
//
// Refuses "malformed_log" (a severity beyond 24), "timestamp_out_of_range", "nesting_limit" (a
// body or attribute), "log_limit" (limits.log_records, log_bytes) and single attributes
// ("label_limit": without a name, with one that is too long, or more than limits.log_attributes).
std::vector<pgvigil::v1::Batch> ReadOtlpLogs(
    const opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest& request,
    const ForeignRecord& record, const ForeignLimits& limits, shared::WallTime now,
    Refusals& refusals);

}  // namespace collector::ingest::foreign
