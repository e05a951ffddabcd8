#pragma once

#include <cstdint>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/loadavg (proc_loadavg(5)): "0.41 0.20 0.07 1/95 10404".
struct Loadavg {
  double one_minute = 0;
  double five_minutes = 0;
  double fifteen_minutes = 0;
  uint64_t threads = 0;  // scheduling entities that exist: the number after the '/'
};

// Pure. kMalformed: not three numbers and a fraction.
shared::Result<Loadavg> ParseLoadavg(std::string_view text);

// system.cpu.load_average.{1m,5m,15m} and system.linux.thread.count.
void Emit(const Loadavg& loadavg, pipeline::FrameBuilder& frame);

}  // namespace agent::host
