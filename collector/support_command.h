#pragma once

#include <string>

#include "collector/config/collector_config.h"
#include "shared/config/problems.h"
#include "shared/config/settings.h"

namespace collector {

// `pgvigil-collector support-bundle`: version, machine, settings in effect, the pages of the
// running collector, and what its PostgreSQL is and holds, as one text on standard output; no
// secret, no sample, no log line, no statement. What cannot be had is said there. `key_file`: an
// API key with the scope admin, which /metrics wants once there are keys; "": none. Returns the
// exit status.
int PrintSupportBundle(const config::CollectorConfig& config,
                       const shared::config::Problems& problems,
                       const shared::config::Settings& settings, const std::string& key_file);

}  // namespace collector
