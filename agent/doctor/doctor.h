#pragma once

#include "agent/config/agent_config.h"

namespace agent::doctor {

// Tries everything that the configuration asks for once, sends and keeps nothing, and prints one
// line for each capability, with what is wrong and what helps below it; with `json` a document
// (render.h). Sees the world as whoever runs it: run it as the agent's user. Returns kExitOk when
// nothing failed, else kExitUnavailable. Takes as long as the slowest peer's timeout.
int RunDoctor(const config::AgentConfig& config, bool json);

}  // namespace agent::doctor
