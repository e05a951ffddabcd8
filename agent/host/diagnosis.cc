#include "agent/host/diagnosis.h"

#include <fmt/format.h>

#include <string>

namespace agent::host {

using pgvigil::v1::Capability;

Capability DiagnoseHost(const HostOptions& options, const Problems& problems, size_t samples) {
  std::string detail = problems.faults();
  const std::string absent = problems.absent();
  Capability out;
  out.set_name("host");
  out.set_state(detail.empty() ? Capability::STATE_OK : Capability::STATE_DEGRADED);
  if (samples == 0) {
    out.set_state(Capability::STATE_FAILED);
    out.set_remedy(
        fmt::format("let {} and {} be mounted and readable: agent.proc_root, agent.sys_root",
                    options.proc_root, options.sys_root));
  }
  if (!absent.empty()) {
    detail += fmt::format("{}not on this kernel: {}", detail.empty() ? "" : "; ", absent);
  }
  out.set_detail(detail);
  return out;
}

}  // namespace agent::host
