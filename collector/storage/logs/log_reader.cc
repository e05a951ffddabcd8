#include "collector/storage/logs/log_reader.h"

#include <fmt/format.h>

#include "collector/storage/logs/log_block_search.h"
#include "collector/storage/logs/log_cursor.h"
#include "collector/storage/logs/log_event_search.h"
#include "collector/storage/logs/log_filter.h"
#include "collector/storage/logs/token_bloom.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Parameter;
using shared::postgres::Rows;

Result<void> ResolveHost(ReadSession& session, const api::LogQuery& query, LogScope& scope) {
  if (!query.host) return {};
  ASSIGN_OR_RETURN(const Rows rows,
                   session.Query("/* pgvigil logs */ SELECT id FROM pgvigil.host"
                                 " WHERE tenant_id = $1::int4 AND (name = $2 OR host_key = $2)",
                                 {std::to_string(scope.tenant.value), *query.host}));
  ArrayText ids;
  for (size_t row = 0; row < rows.size(); ++row) ids.Add(rows.Int(row, 0).value_or(0));
  scope.host_ids = ids.Take();
  return {};
}

Result<LogScope> Resolve(ReadSession& session, access::TenantId tenant,
                         const api::LogQuery& query) {
  LogScope scope;
  scope.tenant = tenant;
  if (!query.cursor.empty()) {
    scope.after = ParseLogCursor(query.cursor);
    if (!scope.after) {
      return Fail(ErrorCode::kInvalidInput, "cursor: '{}' is not a next_cursor of an answer",
                  query.cursor);
    }
  }
  if (query.limit == 0) return Fail(ErrorCode::kInvalidInput, "limit: must be at least 1");
  RETURN_IF_ERROR(ResolveHost(session, query, scope));
  return scope;
}

// The form of the pattern that is asked for, and the patterns that messages of that form may have
// been counted as: a message can have several forms.
Result<void> ResolvePattern(ReadSession& session, const api::LogQuery& query, LogScope& scope) {
  if (!query.pattern) return {};
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query("/* pgvigil logs */ SELECT p.id, p.template FROM"
                    " pgvigil.log_pattern p JOIN pgvigil.log_pattern asked"
                    " USING (tenant_id, source) WHERE asked.id = $1::int4"
                    " AND tenant_id = $2::int4",
                    {std::to_string(*query.pattern), std::to_string(scope.tenant.value)}));
  std::vector<std::pair<int64_t, LogTemplate>> known;
  for (size_t row = 0; row < rows.size(); ++row) {
    std::optional<LogTemplate> form = ParseTemplate(rows.Text(row, 1));
    if (!form) continue;
    const int64_t id = rows.Int(row, 0).value_or(0);
    if (id == *query.pattern) scope.form = form;
    known.emplace_back(id, std::move(*form));
  }
  if (!scope.form) return Fail(ErrorCode::kNotFound, "pattern: there is no {}", *query.pattern);
  ArrayText ids;
  for (const auto& [id, form] : known) {
    if (form.CanMatchWith(*scope.form)) ids.Add(id);
  }
  scope.patterns_of_form = ids.Take();
  return {};
}

// Ids of the patterns that have `word` as a constant.
Result<std::string> PatternsWith(ReadSession& session, access::TenantId tenant,
                                 const std::string& word) {
  ASSIGN_OR_RETURN(const Rows rows,
                   session.Query("/* pgvigil logs */ SELECT id, template FROM pgvigil.log_pattern"
                                 " WHERE tenant_id = $1::int4 AND strpos(template, $2) > 0",
                                 {std::to_string(tenant.value), word}));
  ArrayText ids;
  for (size_t row = 0; row < rows.size(); ++row) {
    ids.Add(rows.Int(row, 0).value_or(0));
  }
  return ids.Take();
}

Result<void> ResolveText(ReadSession& session, const api::LogQuery& query, LogScope& scope) {
  scope.needles = NeedlesOf(query);
  for (const LogNeedle& needle : scope.needles) {
    for (const std::string& word : WholeWords(needle)) {
      ASSIGN_OR_RETURN(std::string patterns, PatternsWith(session, scope.tenant, word));
      scope.probes.push_back({BloomHash(word), std::move(patterns)});
    }
  }
  if (query.database && !query.database->empty()) {
    scope.probes.push_back({BloomHash(BloomField("database", *query.database)), "{}"});
  }
  if (query.sqlstate && !query.sqlstate->empty()) {
    scope.probes.push_back({BloomHash(BloomField("sqlstate", *query.sqlstate)), "{}"});
  }
  return {};
}

}  // namespace

Result<api::LogPage> ReadLogs(ReadSession& session, access::TenantId tenant,
                              const api::LogQuery& query) {
  ASSIGN_OR_RETURN(LogScope scope, Resolve(session, tenant, query));
  if (EventsSuffice(query)) return SearchLogEvents(session, scope, query);
  session.HoldSnapshot();
  RETURN_IF_ERROR(ResolvePattern(session, query, scope));
  RETURN_IF_ERROR(ResolveText(session, query, scope));
  return SearchLogBlocks(session, scope, query);
}

}  // namespace collector::storage
