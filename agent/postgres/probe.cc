#include "agent/postgres/probe.h"

#include "agent/postgres/diagnosis.h"
#include "agent/postgres/statements/extension.h"
#include "agent/postgres/views/view.h"
#include "shared/postgres/connection.h"

namespace agent::postgres {
namespace {

using pgvigil::v1::Capability;
using shared::Result;
using shared::postgres::QuoteIdentifier;
using shared::postgres::Rows;

Capability DiagnoseViews(const SessionOptions& options, Session& session) {
  for (const std::span<const View* const> views : {FastViews(), SlowViews()}) {
    for (const View* const view : views) {
      const std::string_view sql = view->sql(session.facts.identity);
      if (sql.empty()) continue;
      const Result<Rows> rows = session.connection.Query(sql);
      if (!rows) return DiagnoseView(options, view->name, rows.error());
    }
  }
  return DiagnoseSession(options, session.facts);
}

Capability DiagnoseStatements(const SessionOptions& options, Session& session) {
  Capability out;
  out.set_name("pg_stat_statements:" + options.target);
  out.set_state(Capability::STATE_FAILED);
  const Result<statements::Extension> extension = statements::ReadExtension(session.connection);
  if (!extension) {
    out.set_detail(extension.error().message);
    return out;
  }
  const statements::Advice advice = statements::Advise(*extension);
  if (advice.usable) {
    out.set_state(advice.problem.empty() ? Capability::STATE_OK : Capability::STATE_DEGRADED);
  }
  out.set_detail(advice.problem);
  out.set_remedy(advice.remedy);
  return out;
}

Capability DiagnoseLogs(const SessionOptions& options, const SessionFacts& facts) {
  Capability out;
  out.set_name("logs:" + options.target);
  out.set_state(Capability::STATE_OK);
  if (facts.log.data_directory.empty()) {
    out.set_state(Capability::STATE_DEGRADED);
    out.set_detail("where the server logs is hidden from this role");
    out.set_remedy(fmt::format("GRANT pg_monitor TO {};", QuoteIdentifier(options.user)));
  }
  return out;
}

}  // namespace

std::vector<Capability> ProbePostgres(const SessionOptions& options) {
  Result<Session> session = OpenSession(options);
  if (!session) return {DiagnoseFailure(options, session.error())};
  return {DiagnoseViews(options, *session), DiagnoseStatements(options, *session),
          DiagnoseLogs(options, session->facts)};
}

}  // namespace agent::postgres
