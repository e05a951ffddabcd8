#pragma once

#include "collector/storage/read_pool.h"

namespace collector::storage {

// A page of log records, as telemetry_reader.h says, ordered by (time, file, offset). Severe and
// classified records come from pgvigil.log_event alone; others from log_block, pruned by host, time
// and severity, then decompressed and searched.
//   kInvalidInput  a cursor that is not ours, a limit of 0
//   kTimeout       the message says how far the search came, and how to narrow it
shared::Result<api::LogPage> ReadLogs(ReadSession& session, access::TenantId tenant,
                                      const api::LogQuery& query);

}  // namespace collector::storage
