#include "agent/doctor/checks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/doctor/collector_check.h"
#include "agent/doctor/log_check.h"
#include "agent/logs/watch_set.h"
#include "agent/options.h"
#include "agent/postgres/probe.h"
#include "agent/postgres/session.h"

namespace agent::doctor {
namespace {

using pgvigil::v1::Capability;
using shared::Result;

Capability Make(std::string name, Capability::State state, std::string detail = {},
                std::string remedy = {}) {
  Capability out;
  out.set_name(std::move(name));
  out.set_state(state);
  out.set_detail(std::move(detail));
  out.set_remedy(std::move(remedy));
  return out;
}

std::string Parent(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  const size_t slash = path.rfind('/', end);
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// `path`, or the nearest directory above it that exists.
std::string NearestExisting(std::string path) {
  struct stat status {};
  while (path != "/" && path != "." && ::stat(path.c_str(), &status) != 0 && errno == ENOENT) {
    path = Parent(path);
  }
  return path;
}

Capability CheckPostgresLog(const std::string& name, const postgres::SessionOptions& options,
                            Capability probed) {
  if (probed.state() != Capability::STATE_OK) {
    probed.set_state(Capability::STATE_FAILED);  // without these settings nothing is followed
    return probed;
  }
  const Result<postgres::Session> session = postgres::OpenSession(options);
  if (!session) return Make(name, Capability::STATE_FAILED, session.error().message);
  return CheckLog(name, logs::LocatePostgres(session->facts.log));
}

}  // namespace

Capability CheckStateDirectory(const std::string& path) {
  const std::string existing = NearestExisting(path);
  const std::string remedy = fmt::format("mkdir -p {} && chown <the agent's user> {}", path, path);
  struct stat status {};
  if (::stat(existing.c_str(), &status) != 0) {
    return Make("state_dir", Capability::STATE_FAILED,
                shared::ErrnoError(errno, "open " + existing).message, remedy);
  }
  if (!S_ISDIR(status.st_mode)) {
    return Make("state_dir", Capability::STATE_FAILED,
                fmt::format("{} is not a directory", existing),
                "set agent.state_dir to a directory");
  }
  if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    return Make("state_dir", Capability::STATE_FAILED,
                shared::ErrnoError(errno, "write to " + existing).message, remedy);
  }
  return Make("state_dir", Capability::STATE_OK,
              existing == path ? "" : fmt::format("{} will be made at the first start", path));
}

Capability CheckHost(const host::HostOptions& options, host::HostSystem system) {
  host::HostCollector collector(options, std::move(system));
  collector.Collect();
  const size_t samples = collector.Collect().values.size();
  const std::string faults = collector.problems().faults();
  const std::string absent = collector.problems().absent();
  std::string detail = faults;
  if (!absent.empty()) {
    detail += fmt::format("{}not on this kernel: {}", detail.empty() ? "" : "; ", absent);
  }
  if (samples == 0) {
    return Make("host", Capability::STATE_FAILED, detail,
                fmt::format("let {} and {} be mounted and readable: agent.proc_root, "
                            "agent.sys_root",
                            options.proc_root, options.sys_root));
  }
  return Make("host", faults.empty() ? Capability::STATE_OK : Capability::STATE_DEGRADED, detail);
}

std::vector<Capability> CheckPostgres(const config::PostgresTarget& target) {
  const std::string postgres = "postgres:" + target.name;
  const std::string statements = "pg_stat_statements:" + target.name;
  const std::string logs = "logs:" + target.name;
  if (!target.enabled) {
    return {Make(postgres, Capability::STATE_OFF), Make(statements, Capability::STATE_OFF),
            Make(logs, Capability::STATE_OFF)};
  }
  const postgres::SessionOptions options = SessionOptionsOf(target);
  std::vector<Capability> out = postgres::ProbePostgres(options);
  if (out.size() < 3) {
    const std::string detail = "no session with the server";
    const std::string remedy = "as for " + postgres;
    out.resize(1);
    out.push_back(Make(statements, Capability::STATE_FAILED, detail, remedy));
    out.push_back(Make(logs, Capability::STATE_FAILED, detail, remedy));
  } else if (target.logs.enabled) {
    out[2] = CheckPostgresLog(logs, options, std::move(out[2]));
  }
  if (!target.statements.enabled) out[1] = Make(statements, Capability::STATE_OFF);
  if (!target.logs.enabled) out[2] = Make(logs, Capability::STATE_OFF);
  return out;
}

Capability CheckSyslog(const config::Syslog& syslog) {
  const std::string path = SyslogPathOf(syslog);
  if (!path.empty()) return CheckLog("logs:syslog", logs::LocateSyslog(path));
  return Make("logs:syslog", Capability::STATE_OFF,
              syslog.enabled ? "this host has neither /var/log/syslog nor /var/log/messages" : "");
}

std::vector<Capability> RunChecks(const config::AgentConfig& config) {
  std::vector<Capability> out{CheckStateDirectory(config.agent.state_dir),
                              CheckCollector(config.collector)};
  out.push_back(config.host.enabled ? CheckHost(HostOptionsOf(config))
                                    : Make("host", Capability::STATE_OFF));
  for (const config::PostgresTarget& target : config.postgres) {
    for (Capability& one : CheckPostgres(target)) out.push_back(std::move(one));
  }
  out.push_back(CheckSyslog(config.syslog));
  return out;
}

}  // namespace agent::doctor
