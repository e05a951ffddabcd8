#include "agent/once/collect.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <span>
#include <utility>

#include "agent/logs/checkpoint.h"
#include "agent/logs/current_file.h"
#include "agent/logs/file_identity.h"
#include "agent/logs/watch_set.h"
#include "agent/options.h"
#include "agent/postgres/session.h"
#include "agent/postgres/statements/extension.h"
#include "agent/postgres/views/view.h"
#include "shared/base/unique_fd.h"

namespace agent::once {
namespace {

using postgres::Session;
using postgres::View;
using shared::Result;

constexpr pipeline::Metric kUp{"postgresql.up", "1", shared::model::MetricKind::kGauge};

std::string WithRemedy(std::string_view problem, std::string_view remedy) {
  return remedy.empty() ? std::string(problem) : fmt::format("{} ({})", problem, remedy);
}

void CollectViews(const std::string& target, Session& session, Report& report) {
  pipeline::FrameBuilder frame(CommonLabels(session.facts.identity));
  frame.Begin();
  frame.Add(kUp, {}, 1);
  for (const std::span<const View* const> views : {postgres::FastViews(), postgres::SlowViews()}) {
    for (const View* const view : views) {
      const std::string_view sql = view->sql(session.facts.identity);
      if (sql.empty()) continue;
      const Result<shared::postgres::Rows> rows = session.connection.Query(sql);
      if (rows) {
        view->add(postgres::QueryTable(*rows), frame);
      } else {
        report.remarks.push_back(
            fmt::format("postgres:{}: {}: {}", target, view->name, rows.error().message));
      }
    }
  }
  AddRound(frame.End(), report);
}

Result<StatementCount> CountStatements(const std::string& target, Session& session) {
  ASSIGN_OR_RETURN(const postgres::statements::Extension extension,
                   postgres::statements::ReadExtension(session.connection));
  const postgres::statements::Advice advice = postgres::statements::Advise(extension);
  if (!advice.usable) {
    return shared::Fail(shared::ErrorCode::kUnavailable, "{}",
                        WithRemedy(advice.problem, advice.remedy));
  }
  ASSIGN_OR_RETURN(const postgres::statements::Reading reading,
                   postgres::statements::ReadCounters(session.connection, extension));
  return StatementCount{target, reading.size(), reading.hidden()};
}

void AddLog(const std::string& log, const logs::LocateResult& found, Report& report) {
  if (!found.location || !found.problem.empty()) {
    report.failures.push_back(
        fmt::format("logs:{}: {}", log, WithRemedy(found.problem, found.remedy)));
    return;
  }
  Result<logs::FoundFile> file = logs::FindCurrentFile(*found.location);
  if (file) {
    report.logs.push_back({log, std::move(file->path), file->size});
  } else {
    report.failures.push_back(fmt::format("logs:{}: {}", log, file.error().message));
  }
}

// What the running agent sends of a server that is away, too.
void AddAway(const postgres::SessionOptions& options, Report& report) {
  postgres::InstanceIdentity identity;
  identity.name = options.target;
  identity.port = options.port;
  pipeline::FrameBuilder frame(CommonLabels(identity));
  frame.Begin();
  frame.Add(kUp, {}, 0);
  AddRound(frame.End(), report);
}

}  // namespace

void CollectHost(const host::HostOptions& options, host::HostSystem system, Report& report) {
  host::HostCollector collector(options, std::move(system));
  const pipeline::FrameBuilder::Round round = collector.Collect();
  AddRound(round, report);
  const std::string faults = collector.problems().faults();
  if (round.values.empty()) {
    report.failures.push_back(
        fmt::format("host: nothing could be read: {}", faults + collector.problems().absent()));
  } else if (!faults.empty()) {
    report.remarks.push_back("host: " + faults);
  }
}

void CollectPostgres(const config::PostgresTarget& target, Report& report) {
  const postgres::SessionOptions options = SessionOptionsOf(target);
  Result<Session> session = postgres::OpenSession(options);
  if (!session) {
    AddAway(options, report);
    report.failures.push_back(fmt::format("postgres:{}: {}", target.name, session.error().message));
    return;
  }
  CollectViews(target.name, *session, report);
  if (target.statements.enabled) {
    Result<StatementCount> count = CountStatements(target.name, *session);
    if (count) {
      report.statements.push_back(std::move(*count));
    } else {
      report.failures.push_back(
          fmt::format("pg_stat_statements:{}: {}", target.name, count.error().message));
    }
  }
  if (target.logs.enabled) {
    AddLog(target.name, logs::LocatePostgres(session->facts.log), report);
  }
}

void CollectSyslog(const config::Syslog& syslog, Report& report) {
  const std::string path = SyslogPathOf(syslog);
  if (!path.empty()) AddLog("syslog", logs::LocateSyslog(path), report);
}

void AddPositions(const std::string& checkpoint_path, Report& report) {
  const Result<logs::CheckpointState> state = logs::ReadCheckpoint(checkpoint_path);
  if (!state) return;
  for (LogFile& log : report.logs) {
    const shared::UniqueFd fd(::open(log.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) continue;
    const Result<logs::FileStatus> status = logs::ReadFileStatus(fd.get(), log.path);
    if (!status) continue;
    for (const logs::FileEntry& entry : state->files) {
      if (!(entry.key == status->key)) continue;
      // A file that was truncated is read from its beginning.
      log.behind_bytes = log.size_bytes - (entry.offset <= log.size_bytes ? entry.offset : 0);
    }
  }
}

Report CollectAll(const config::AgentConfig& config) {
  Report report;
  if (config.host.enabled) CollectHost(HostOptionsOf(config), {}, report);
  for (const config::PostgresTarget& target : config.postgres) {
    if (target.enabled) CollectPostgres(target, report);
  }
  CollectSyslog(config.syslog, report);
  AddPositions(config.agent.state_dir + "/logs/tail.checkpoint", report);
  return report;
}

}  // namespace agent::once
