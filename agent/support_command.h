#pragma once

#include "agent/config/agent_config.h"
#include "shared/config/problems.h"
#include "shared/config/settings.h"

namespace agent {

// `pgvigil-agent support-bundle`: version, machine, settings in effect, what `check` finds, the
// pages of the running agent when it has any, and what its state directory holds, as one text on
// standard output; no secret, no log line, no statement. What cannot be had is said there. Returns
// the exit status.
int PrintSupportBundle(const config::AgentConfig& config, const shared::config::Problems& problems,
                       const shared::config::Settings& settings);

}  // namespace agent
