#pragma once

#include <cstdint>

namespace collector::access {

// Whose data. Comes from the credential of a request, never from a header; every read and write of
// the store takes one.
struct TenantId {
  int32_t value = 0;
  friend auto operator<=>(const TenantId&, const TenantId&) = default;
};

// The tenant of a collector without keys.
inline constexpr TenantId kDefaultTenant{1};

}  // namespace collector::access
