#include "agent/doctor/doctor.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "agent/doctor/checks.h"
#include "agent/doctor/render.h"
#include "shared/base/exit_code.h"

namespace agent::doctor {
namespace {

// https://no-color.org: set and not empty, whatever the value.
bool WantsColour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace

int RunDoctor(const config::AgentConfig& config, bool json) {
  const std::vector<pgvigil::v1::Capability> capabilities = RunChecks(config);
  fmt::print("{}", json ? RenderJson(capabilities) : RenderText(capabilities, WantsColour()));
  const bool failed = std::any_of(capabilities.begin(), capabilities.end(), [](const auto& one) {
    return one.state() == pgvigil::v1::Capability::STATE_FAILED;
  });
  return failed ? shared::kExitUnavailable : shared::kExitOk;
}

}  // namespace agent::doctor
