#pragma once

#include <map>
#include <string>
#include <string_view>

namespace shared::config {

// The environment that ${env:NAME} and ${cred:NAME} look into. Passed in, so that a test can make
// its own.
using Environment = std::map<std::string, std::string, std::less<>>;

// That of this process.
Environment ReadEnvironment();

}  // namespace shared::config
