#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/access/tenant.h"
#include "collector/storage/logs/log_cursor.h"
#include "collector/storage/logs/log_needle.h"
#include "collector/storage/logs/log_template.h"

namespace collector::storage {

// A token that every match has in its segment's bloom filter, or as a constant of one of
// `patterns`.
struct LogProbe {
  uint64_t hash = 0;     // BloomHash
  std::string patterns;  // array in SQL
};

// A log question with its names resolved.
struct LogScope {
  access::TenantId tenant;
  std::optional<std::string> host_ids;  // array in SQL; nullopt: all of the tenant
  std::optional<LogKey> after;          // rows beyond this one, in the direction of the question
  std::vector<LogNeedle> needles;
  std::vector<LogProbe> probes;
  std::optional<LogTemplate> form;              // of LogQuery::pattern
  std::optional<std::string> patterns_of_form;  // array in SQL: patterns of messages that have it
};

}  // namespace collector::storage
