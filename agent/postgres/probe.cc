#include "agent/postgres/probe.h"

#include "agent/postgres/diagnosis.h"
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

Capability DiagnoseLogs(const SessionOptions& options, const SessionFacts& facts) {
  Capability out;
  out.set_name(fmt::format("logs:{}", options.target));
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
  return {DiagnoseViews(options, *session), DiagnoseStatements(options, session->facts),
          DiagnoseLogs(options, session->facts)};
}

}  // namespace agent::postgres
