#pragma once

#include <memory>
#include <vector>

#include "collector/bus/feed.h"
#include "collector/config/collector_config.h"

namespace collector::bus {

// The feeds that are switched on. The encodings must be those that the configuration lets pass.
std::vector<std::unique_ptr<Feed>> MakeFeeds(const config::Kafka& kafka);

}  // namespace collector::bus
