#pragma once

#include "agent/config/agent_config.h"

namespace agent::once {

// Collects one round of every source that is switched on and prints it instead of sending it, as
// text or with `json` as one document (report.h). Keeps nothing. What went wrong is told on
// standard error. Returns kExitOk, or kExitUnavailable when a source failed.
int RunOnce(const config::AgentConfig& config, bool json);

}  // namespace agent::once
