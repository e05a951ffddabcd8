#pragma once

#include "agent/config/agent_config.h"
#include "pgvigil/v1/batch.pb.h"

namespace agent::doctor {

// Whether the state directory and the spool's can be used, as "state_dir": they exist or could be
// made, files can be made in them, and there is room for all that the spool may hold (DEGRADED when
// there is not). Leaves nothing behind.
pgvigil::v1::Capability CheckStateDirectory(const config::AgentConfig& config);

}  // namespace agent::doctor
