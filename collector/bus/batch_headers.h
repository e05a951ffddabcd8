#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/ingest/batch_store.h"

// The headers of a record of pgvigil.batches.v1, all text, so that a consumer can skip a record
// without unpacking it:
//   schema       pgvigil.v1.Batch       the message that the zstd frames of the value hold
//   version      1                      grows when an older store cannot read the value any more
//   tenant       1
//   agent        01234567-89ab-cdef-0123-456789abcdef
//   incarnation  1763712000000000000
//   stream       metrics                or logs, statements
//   sequence     42
//   samples      5000                   what the checks of ingest left in the batch:
//   records      0                      values of metrics, log records,
//   deltas       0                      statement deltas
namespace collector::bus {

inline constexpr std::string_view kSchemaHeader = "schema";
inline constexpr std::string_view kVersionHeader = "version";
inline constexpr std::string_view kTenantHeader = "tenant";
inline constexpr std::string_view kAgentHeader = "agent";
inline constexpr std::string_view kIncarnationHeader = "incarnation";
inline constexpr std::string_view kStreamHeader = "stream";
inline constexpr std::string_view kSequenceHeader = "sequence";
inline constexpr std::string_view kSamplesHeader = "samples";
inline constexpr std::string_view kRecordsHeader = "records";
inline constexpr std::string_view kDeltasHeader = "deltas";

inline constexpr std::string_view kBatchSchema = "pgvigil.v1.Batch";
inline constexpr std::string_view kBatchVersion = "1";

// In the order above.
std::vector<std::pair<std::string, std::string>> BatchHeaders(const ingest::AcceptedBatch& batch);

}  // namespace collector::bus
