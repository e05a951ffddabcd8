#pragma once

#include <cstdint>
#include <string>

namespace collector::bus {

// 1763712000123456789 → "2025-11-21T08:00:00.123456789Z": UTC, always nine digits, so that texts
// sort as times do. Good to the end of uint64_t, the year 2554.
std::string FormatRfc3339(uint64_t unix_nano);

}  // namespace collector::bus
