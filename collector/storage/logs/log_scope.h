#pragma once

#include <optional>
#include <string>

#include "collector/access/tenant.h"
#include "collector/storage/logs/log_cursor.h"

namespace collector::storage {

// A log question with its names resolved.
struct LogScope {
  access::TenantId tenant;
  std::optional<std::string> host_ids;  // array in SQL; nullopt: all of the tenant
  std::optional<LogKey> after;          // rows beyond this one, in the direction of the question
};

}  // namespace collector::storage
