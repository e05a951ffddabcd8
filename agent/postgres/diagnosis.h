#pragma once

#include "agent/postgres/session.h"
#include "pgvigil/v1/batch.pb.h"
#include "shared/base/result.h"

// What the agent can collect from a server, and the exact command that helps where it cannot. Pure.
namespace agent::postgres {

// "postgres:main", FAILED: why no session could be opened.
pgvigil::v1::Capability DiagnoseFailure(const SessionOptions& options, const shared::Error& error);

// "postgres:main": OK, or DEGRADED without pg_monitor.
pgvigil::v1::Capability DiagnoseSession(const SessionOptions& options, const SessionFacts& facts);
// The same when a view could not be read: DEGRADED, "pg_stat_wal: 42501 permission denied …".
pgvigil::v1::Capability DiagnoseView(const SessionOptions& options, std::string_view view,
                                     const shared::Error& error);

}  // namespace agent::postgres
