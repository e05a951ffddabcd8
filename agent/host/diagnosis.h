#pragma once

#include <cstddef>

#include "agent/host/collector.h"
#include "agent/host/problems.h"
#include "pgvigil/v1/batch.pb.h"

namespace agent::host {

// The capability "host" after a round of `samples` values with these problems: OK; DEGRADED by
// faults, the detail is what cannot be read; FAILED without any value. A file that this kernel
// lacks is told and is no fault. Pure.
pgvigil::v1::Capability DiagnoseHost(const HostOptions& options, const Problems& problems,
                                     size_t samples);

}  // namespace agent::host
