#pragma once

#include <string>

#include "collector/access/scope.h"
#include "collector/access/tenant.h"

namespace collector::access {

// Who sent a request, once the gate has let it in.
struct Caller {
  TenantId tenant = kDefaultTenant;
  std::string key_id;  // "": without a key, from this machine
  ScopeSet scopes = ScopeSet::All();
};

}  // namespace collector::access
