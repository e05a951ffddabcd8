#include "agent/once/once.h"

#include <fmt/core.h>

#include <cstdio>

#include "agent/once/collect.h"
#include "agent/once/report.h"
#include "shared/base/exit_code.h"

namespace agent::once {

int RunOnce(const config::AgentConfig& config, bool json) {
  const Report report = CollectAll(config);
  for (const std::string& remark : report.remarks) fmt::print(stderr, "{}\n", remark);
  for (const std::string& failure : report.failures) fmt::print(stderr, "{}\n", failure);
  fmt::print("{}", json ? RenderJson(report) : RenderText(report));
  return report.failures.empty() ? shared::kExitOk : shared::kExitUnavailable;
}

}  // namespace agent::once
