#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"

namespace collector::http {

// A request target ("/a/b%20c?x=1&y=%2F") taken apart and percent-decoded once. The path is cut at
// its slashes before it is decoded, so that "%2F" can never make a new path part.
struct Target {
  std::vector<std::string> parts;                          // {"a", "b c"}
  std::vector<std::pair<std::string, std::string>> query;  // {{"x", "1"}, {"y", "/"}}
};

// Pure. '+' is a space in the query only. kMalformed, with the byte offset: a target that does not
// begin with '/', a bad percent escape, a control character or NUL before or after decoding,
// invalid UTF-8, a "." or ".." part.
shared::Result<Target> ParseTarget(std::string_view target);

}  // namespace collector::http
