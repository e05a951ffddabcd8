#pragma once

#include "agent/config/agent_config.h"

namespace agent {

// `pgvigil-agent once`: collects one round of every source and prints it instead of sending it:
//   system.memory.usage{system.memory.state="used"} 1234567168 By
// Nothing is kept: no baseline, no position. Returns the exit status.
int RunOnce(const config::AgentConfig& config, bool json);

}  // namespace agent
