#pragma once

#include "agent/config/agent_config.h"

namespace agent {

// `pgvigil-agent check`: tries everything that the configuration asks for, once, without sending or
// keeping anything, and prints a line for each capability, green, yellow or red, with the exact
// GRANT, setting or command that helps. Returns the exit status: 0 when none failed, else
// kExitUnavailable.
int RunDoctor(const config::AgentConfig& config, bool json);

}  // namespace agent
