#include "agent/doctor/checks.h"

#include <fmt/format.h>

#include <utility>

#include "agent/doctor/collector_check.h"
#include "agent/doctor/log_check.h"
#include "agent/doctor/state_check.h"
#include "agent/host/diagnosis.h"
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

Capability CheckHost(const host::HostOptions& options, host::HostSystem system) {
  host::HostCollector collector(options, std::move(system));
  collector.Collect();
  const size_t samples = collector.Collect().values.size();
  return host::DiagnoseHost(options, collector.problems(), samples);
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
  std::vector<Capability> out{CheckStateDirectory(config), CheckCollector(config.collector)};
  out.push_back(config.host.enabled ? CheckHost(HostOptionsOf(config))
                                    : Make("host", Capability::STATE_OFF));
  for (const config::PostgresTarget& target : config.postgres) {
    for (Capability& one : CheckPostgres(target)) out.push_back(std::move(one));
  }
  out.push_back(CheckSyslog(config.syslog));
  return out;
}

}  // namespace agent::doctor
