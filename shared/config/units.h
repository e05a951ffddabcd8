#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace shared::config {

// "10s", "1m30s", "500ms", "1d": whole numbers, each with a unit of d, h, m, s, ms, us, ns, the
// larger unit first. kInvalidInput says what is wrong, without the text itself: "the unit is
// missing".
Result<std::chrono::nanoseconds> ParseDuration(std::string_view text);
// The shortest of the same form: 90 s is "1m30s"; zero is "0s".
std::string FormatDuration(std::chrono::nanoseconds duration);

// "64MiB", "4KiB", "100MB", "0B": a whole number and one unit of B, KiB, MiB, GiB, TiB (1024) or
// kB, KB, MB, GB, TB (1000).
Result<uint64_t> ParseBytes(std::string_view text);
// With the largest unit of 1024 that leaves a whole number: 67108864 is "64MiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace shared::config
