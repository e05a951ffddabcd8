#pragma once

#include <optional>
#include <string>

#include "collector/access/key_text.h"
#include "shared/base/result.h"

namespace collector::access {

// The key of a request, from the values of its headers (null: absent):
//   Authorization: Bearer pgv_…    (RFC 6750; the scheme in any case)
//   X-API-Key: pgv_…
// nullopt: it shows none. kMalformed, never with the text: another scheme, an empty value, what is
// no key, two headers with different keys. Pure.
shared::Result<std::optional<ShownKey>> ReadCredential(const std::string* authorization,
                                                       const std::string* api_key);

}  // namespace collector::access
