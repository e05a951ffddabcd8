#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/clock.h"

namespace shared::text {

// "2026-11-21T08:00:00.123456Z": RFC 3339, UTC, microseconds.
std::string FormatTime(WallTime time);

// What a person or program writes for a time; nullopt for anything else:
//   2026-11-21T08:00:00Z, 2026-11-21T08:00:00.5+01:00   RFC 3339
//   1763712000, 1763712000.25                           seconds since 1970
//   now, now-15m, now-1h30m, now+5m                     relative to `now`
std::optional<WallTime> ParseTime(std::string_view text, WallTime now);

// "90s", "15m", "1h30m", "500ms", "7d"; units ms, s, m, h, d, each once, largest first; more than
// zero. nullopt for anything else.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

}  // namespace shared::text
