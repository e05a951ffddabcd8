#pragma once

#include <cstdint>

#include "shared/base/result.h"

namespace agent::status {

// What this process costs.
struct ProcessUsage {
  double cpu_seconds = 0;  // user and system
  uint64_t resident_bytes = 0;
};

// From /proc/self/stat.
shared::Result<ProcessUsage> ReadProcessUsage();

}  // namespace agent::status
