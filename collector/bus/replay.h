#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/bus/dead_letter_index.h"
#include "collector/config/collector_config.h"
#include "shared/base/result.h"

namespace collector::bus {

struct ReplayReport {
  uint64_t replayed = 0;
  // "17: pgvigil.dead.v1 [0] has no record 12 any more": these stay in the list.
  std::vector<std::string> failures;
};

// Sends dead letters to the topics that they came from once more, with their own key, headers and
// value, and marks each in the index when Kafka has it. The store takes a batch whose sequence was
// passed over; killed in between, the same letter may be sent twice, which stores it once all the
// same. Blocks. Fails when Kafka or the index is away.
shared::Result<ReplayReport> ReplayDeadLetters(const config::Kafka& kafka, DeadLetterIndex& index,
                                               const DeadLetterFilter& filter);

}  // namespace collector::bus
