#pragma once

#include <string>

#include "agent/config/agent_config.h"
#include "agent/host/collector.h"
#include "agent/postgres/session.h"
#include "shared/http/client.h"

// From the configuration to what each part wants: the parts know no configuration.
namespace agent {

// `host` "" becomes the first of kSocketDirectories with a socket of the port; the first of all
// when none has one.
postgres::SessionOptions SessionOptionsOf(const config::PostgresTarget& target);
host::HostOptions HostOptionsOf(const config::AgentConfig& config);
shared::http::ClientConfig ClientConfigOf(const config::CollectorLink& link);
// `path` "" becomes the first of /var/log/syslog and /var/log/messages that exists. "": none, or
// switched off.
std::string SyslogPathOf(const config::Syslog& syslog);

}  // namespace agent
