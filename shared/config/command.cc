#include "shared/config/command.h"

#include <fmt/core.h>

#include <cstdio>

#include "shared/base/exit_code.h"

namespace shared::config {

int RunConfigCheck(const Problems& problems, const char* path, bool json) {
  if (json) fmt::print("{}\n", problems.ToJson());
  if (problems.empty()) {
    if (!json) fmt::print(stderr, "{}: ok\n", path);
    return kExitOk;
  }
  if (!json) fmt::print(stderr, "{}", problems.ToText());
  return kExitConfig;
}

int RunConfigShow(const Problems& problems, const Settings& settings, bool json) {
  fmt::print("{}\n", json ? settings.ToJson() : settings.ToText());
  if (problems.empty()) return kExitOk;
  fmt::print(stderr, "{}", problems.ToText());
  return kExitConfig;
}

}  // namespace shared::config
