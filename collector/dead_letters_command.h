#pragma once

#include <cstddef>
#include <string>

#include "collector/config/collector_config.h"

// `pgvigil-collector dead-letters list|replay`: records from Kafka that could not be stored. Both
// return the exit status; documents go to standard output, words about them to standard error.
namespace collector {

struct DeadLettersRequest {
  std::string reason;  // "": any
  size_t limit = 100;
  bool json = false;
};

// The letters that wait, oldest first: a line each, or a JSON object a line.
int ListDeadLetters(const config::CollectorConfig& config, const DeadLettersRequest& request);

// Sends the letters that wait to their topics once more, after what kept them out was mended.
int ReplayDeadLetters(const config::CollectorConfig& config, const DeadLettersRequest& request);

}  // namespace collector
