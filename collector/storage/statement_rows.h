#pragma once

#include <span>

#include "collector/storage/batch_plan.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Into pgvigil.statement_interval and pgvigil.statement_delta by COPY, within the caller's
// transaction; hours that are over by `now` are marked to be summed up again (statement_hours.h).
shared::Result<void> CopyStatements(shared::postgres::Connection& connection,
                                    std::span<const PlannedInterval> intervals,
                                    shared::WallTime now);

}  // namespace collector::storage
