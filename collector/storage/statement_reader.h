#pragma once

#include <vector>

#include "collector/storage/read_pool.h"

// Sums over pgvigil.statement_delta, as telemetry_reader.h says. An interval belongs to the window
// in which it ends.
namespace collector::storage {

// kInvalidInput: order_by is no counter.
shared::Result<std::vector<api::StatementRow>> ReadTopStatements(ReadSession& session,
                                                                 access::TenantId tenant,
                                                                 const api::StatementQuery& query);
shared::Result<std::vector<api::StatementPoint>> ReadStatementHistory(
    ReadSession& session, access::TenantId tenant, const api::StatementQuery& query,
    int64_t queryid);

}  // namespace collector::storage
