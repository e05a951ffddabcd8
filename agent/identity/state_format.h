#pragma once

#include <string>

#include "shared/base/result.h"

namespace agent::identity {

// The number of what the state directory holds as a whole: spool, log positions, baselines. It
// grows when an agent writes something that the agents before it would misread.
inline constexpr unsigned kStateFormat = 1;

// Takes the state directory for this agent: <state_dir>/format, one line with the number, says who
// wrote it last. An older format (no file: 1) is raised to kStateFormat; a damaged file is written
// anew and logged, for the agent must start. kInvalidInput: a newer
// agent wrote it, after a downgrade; nothing was touched:
//   /var/lib/pgvigil-agent has state format 2, pgvigil-agent 0.1.0 knows up to 1: install the newer
//   pgvigil-agent again, or move the directory away to start anew
shared::Result<void> ClaimState(const std::string& state_dir);

}  // namespace agent::identity
