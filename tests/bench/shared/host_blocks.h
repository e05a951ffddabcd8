#pragma once

#include <cstdint>
#include <vector>

#include "shared/model/block.h"

namespace shared::bench {

// What a database host looks like to the codec, of every 500 series: 150 constants, 75 rarely
// moving counters, 100 integer counters (Poisson, log-uniform rates, bursts, day curve), 75
// CPU-seconds counters of 0.01 resolution, 60 memory gauges (multiples of 4096), 25 decimals (0.01
// load, 0.5 degree temperature), 15 full-entropy doubles. A tick each 10 s, 10 % of them late or
// early by 1 to 2 ms. The same seed gives the same blocks.
std::vector<model::Block> MakeHostBlocks(uint64_t seed, uint32_t series, uint32_t ticks,
                                         size_t count);

}  // namespace shared::bench
