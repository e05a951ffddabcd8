#pragma once

#include <vector>

#include "agent/postgres/session.h"
#include "pgvigil/v1/batch.pb.h"

namespace agent::postgres {

// For the doctor command: opens one session, reads every view once and says what would work, as the
// running agent would report it: "postgres:<target>", "pg_stat_statements:<target>", and
// "logs:<target>" for whether the log settings can be read. Only the first when nobody answers.
std::vector<pgvigil::v1::Capability> ProbePostgres(const SessionOptions& options);

}  // namespace agent::postgres
