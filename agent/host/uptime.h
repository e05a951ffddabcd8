#pragma once

#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// Pure. Seconds since boot from /proc/uptime (proc_uptime(5)): "1586.19 3000.39", the second being
// idle time summed over CPUs. kMalformed: the first is not a number.
shared::Result<double> ParseUptime(std::string_view text);

// system.uptime.
void EmitUptime(double seconds, pipeline::FrameBuilder& frame);

}  // namespace agent::host
