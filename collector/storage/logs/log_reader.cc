#include "collector/storage/logs/log_reader.h"

#include <fmt/format.h>

#include "collector/storage/logs/log_block_search.h"
#include "collector/storage/logs/log_cursor.h"
#include "collector/storage/logs/log_event_search.h"
#include "collector/storage/logs/log_filter.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Parameter;
using shared::postgres::Rows;

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
  if (!query.host) return scope;
  ASSIGN_OR_RETURN(const Rows rows,
                   session.Query("/* pgvigil logs */ SELECT id FROM pgvigil.host"
                                 " WHERE tenant_id = $1::int4 AND (name = $2 OR host_key = $2)",
                                 {std::to_string(tenant.value), *query.host}));
  ArrayText ids;
  for (size_t row = 0; row < rows.size(); ++row) ids.Add(rows.Int(row, 0).value_or(0));
  scope.host_ids = ids.Take();
  return scope;
}

}  // namespace

Result<api::LogPage> ReadLogs(ReadSession& session, access::TenantId tenant,
                              const api::LogQuery& query) {
  ASSIGN_OR_RETURN(const LogScope scope, Resolve(session, tenant, query));
  if (EventsSuffice(query)) return SearchLogEvents(session, scope, query);
  return SearchLogBlocks(session, scope, query);
}

}  // namespace collector::storage
