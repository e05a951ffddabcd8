#pragma once

#include <span>

#include "collector/storage/batch_plan.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Into pgvigil.statement_interval and pgvigil.statement_delta by COPY, within the caller's
// transaction.
shared::Result<void> CopyStatements(shared::postgres::Connection& connection,
                                    std::span<const PlannedInterval> intervals);

}  // namespace collector::storage
