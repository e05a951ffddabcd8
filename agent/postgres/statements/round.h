#pragma once

#include <cstdint>
#include <memory>

#include "agent/pipeline/telemetry.h"
#include "agent/postgres/statements/delta.h"
#include "agent/postgres/statements/lineage.h"
#include "pgvigil/v1/statements.pb.h"

namespace agent::postgres::statements {

// The wire's form of a delta.
void FillDelta(const EntryDelta& delta, pgvigil::v1::StatementDelta& out);

// What happened between two readings, without `instance`, `entries_max` and the names.
pgvigil::v1::StatementInterval MakeInterval(const Reading& from, const Reading& to);

// Hands the interval between two readings to the queue, with the promise to make `to` durable
// before it is appended. `from` was the lineage's head when the interval was made. False: the queue
// is full, and the lineage is as it was. Never waits.
bool PushRound(Lineage& lineage, std::shared_ptr<const Reading> from,
               const std::shared_ptr<const Reading>& to, pgvigil::v1::StatementInterval interval,
               pipeline::TelemetryQueue& queue);

}  // namespace agent::postgres::statements
