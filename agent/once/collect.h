#pragma once

#include <string>

#include "agent/config/agent_config.h"
#include "agent/host/collector.h"
#include "agent/once/report.h"

// One round of each source, added to a report with what went wrong.
namespace agent::once {

void CollectHost(const host::HostOptions& options, host::HostSystem system, Report& report);

// Over one guarded session: all views, the directory-reading ones too, pg_stat_statements' entries
// (no texts), and where the server logs. Without a session: postgresql.up 0 and a failure.
void CollectPostgres(const config::PostgresTarget& target, Report& report);

void CollectSyslog(const config::Syslog& syslog, Report& report);

// How far behind the running agent (or the last one) is with each log of the report, by its
// checkpoint file. Without one, or of a file that it does not have: nothing.
void AddPositions(const std::string& checkpoint_path, Report& report);

// What `config` has switched on.
Report CollectAll(const config::AgentConfig& config);

}  // namespace agent::once
