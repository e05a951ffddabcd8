#pragma once

#include <string>
#include <vector>

#include "collector/config/collector_config.h"

// `pgvigil-collector keys create|list|revoke`: API keys, in the collector's PostgreSQL. All return
// the exit status; documents go to standard output, words about them to standard error.
namespace collector {

struct KeysRequest {
  std::string name;
  std::string tenant = "default";
  std::vector<std::string> scopes;
  std::vector<std::string> networks;
  std::string expires;  // "90d" or a time; "": never
  std::string id;       // to revoke
  bool all = false;     // list those that are revoked or expired, too
  bool json = false;
};

// Prints the new key, alone and this once; makes the tenant when it is new, and the schema.
int CreateKey(const config::CollectorConfig& config, const KeysRequest& request);
// A line each, or a JSON object a line, oldest first. Never the keys themselves: nobody has them.
int ListKeys(const config::CollectorConfig& config, const KeysRequest& request);
// Collectors refuse it a second or two later.
int RevokeKey(const config::CollectorConfig& config, const KeysRequest& request);

}  // namespace collector
