#pragma once

#include <chrono>
#include <string_view>

#include "shared/base/clock.h"

namespace shared::http {

// The value of a Retry-After header (RFC 9110, 10.2.3), "120" or "Fri, 31 Dec 2027 23:59:59 GMT":
// how long to wait from `now`. At most a day, for a peer's mistake must not silence a sender for
// ever; a date that has passed is 0; what is neither is negative.
std::chrono::seconds ParseRetryAfter(std::string_view value, WallTime now);

}  // namespace shared::http
