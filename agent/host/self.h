#pragma once

#include <cstdint>

#include "agent/host/pid_stat.h"
#include "agent/pipeline/frame.h"

namespace agent::host {

// What the agent itself costs, from <proc_root>/self/stat: pgvigil.agent.process.cpu.time by
// cpu.mode, pgvigil.agent.process.memory.usage (resident), pgvigil.agent.process.thread.count.
void EmitSelf(const PidStat& self, uint64_t page_bytes, pipeline::FrameBuilder& frame);

}  // namespace agent::host
