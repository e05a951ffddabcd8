#pragma once

#include <string>
#include <vector>

#include "agent/config/agent_config.h"
#include "agent/host/collector.h"
#include "pgvigil/v1/batch.pb.h"

// One look at each thing that the agent wants. None of them sends, makes or keeps anything.
namespace agent::doctor {

// "host": two rounds, since some series are differences; judged as the running agent does
// (agent/host/diagnosis.h).
pgvigil::v1::Capability CheckHost(const host::HostOptions& options, host::HostSystem system = {});

// "postgres:<name>", "pg_stat_statements:<name>", "logs:<name>", always these three; OFF for what
// is switched off. When no session can be had, the other two fail for that reason.
std::vector<pgvigil::v1::Capability> CheckPostgres(const config::PostgresTarget& target);

// "logs:syslog"; OFF also when the path is left open and this host has no such file.
pgvigil::v1::Capability CheckSyslog(const config::Syslog& syslog);

// All of them, in the order state_dir, collector, host, each target, syslog.
std::vector<pgvigil::v1::Capability> RunChecks(const config::AgentConfig& config);

}  // namespace agent::doctor
