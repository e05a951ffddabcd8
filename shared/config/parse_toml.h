#pragma once

#include <cstddef>
#include <string_view>

#include "shared/config/node.h"
#include "shared/config/problems.h"

namespace shared::config {

struct ParsedToml {
  Node root;             // what could be read
  bool complete = true;  // false: there are syntax errors, so that what is missing may stand there
};

// Parses TOML 1.0 and adds each syntax error to `problems`. After one it goes on behind the line,
// or behind the section when the error is in its header, so that one run shows them all. `source`
// is the text's index in `problems`. toml++ is included only in parse_toml.cc.
ParsedToml ParseToml(std::string_view text, size_t source, Problems& problems);

}  // namespace shared::config
