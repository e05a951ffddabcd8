#pragma once

#include <string_view>
#include <vector>

#include "collector/api/matcher.h"
#include "shared/base/result.h"

namespace collector::api {

// Reads a selector in Prometheus' syntax: system.cpu.time{host=~"db.*",cpu.mode!="idle"}, with or
// without the metric or the braces. Names may be OpenTelemetry's (dots) as they are, and any others
// in quotes: {"odd name"="x"}; a quoted name alone is the metric. Strings are "…" or '…' with the
// escapes of PromQL, or `…` without.
//
// Pure, linear. kInvalidInput, positions counted in bytes from 1:
//   position 6: expected =, !=, =~ or !~ after 'host'
shared::Result<std::vector<Matcher>> ParseSelector(std::string_view text);

}  // namespace collector::api
