#include "collector/storage/logs/log_event_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/logs/log_filter.h"
#include "collector/storage/sql_text.h"
#include "shared/text/hex.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Parameter;
using shared::postgres::Rows;

// Columns 8 and on, named as in LogFields.
constexpr std::string_view kFieldColumns =
    "e.sqlstate, e.pid, e.database, e.username AS user, e.application_name, e.client, e.query_id,"
    " e.session_id, e.line_num, e.backend_type, e.detail, e.hint, e.context, e.statement,"
    " e.host_name, e.program";
constexpr size_t kFirstField = 9;
constexpr size_t kFieldCount = 16;

api::LogRow RowAt(const Rows& rows, size_t row) {
  api::LogRow out;
  out.time_unix_nano = rows.Int(row, 0).value_or(0);
  out.host_name = rows.Text(row, 1);
  out.path = rows.Text(row, 2);
  out.file_id = shared::text::ToHex(shared::text::FromUuid(rows.Text(row, 3)).value_or(""));
  out.offset = rows.Unsigned(row, 5).value_or(0);
  out.source = LogSource(static_cast<int>(rows.Int(row, 6).value_or(0)));
  out.severity_number = static_cast<uint32_t>(rows.Int(row, 7).value_or(0));
  out.severity_text = rows.Text(row, 8);
  for (size_t i = kFirstField; i < kFirstField + kFieldCount; ++i) {
    if (rows.IsNull(row, i)) continue;
    out.fields.emplace_back(rows.column_name(i), rows.Text(row, i));
  }
  const size_t flags = kFirstField + kFieldCount;
  if (rows.Bool(row, flags) == true) out.fields.emplace_back("truncated", "true");
  if (rows.Bool(row, flags + 1) == true) out.fields.emplace_back("sanitised", "true");
  for (auto& label : ParseLabelsJson(rows.Text(row, flags + 2))) {
    out.fields.emplace_back(std::move(label.name), std::move(label.value));
  }
  out.body = rows.Text(row, flags + 3);
  return out;
}

}  // namespace

Result<api::LogPage> SearchLogEvents(ReadSession& session, const LogScope& scope,
                                     const api::LogQuery& query) {
  std::vector<Parameter> parameters;
  std::string where;
  const auto add = [&](std::string_view condition, std::string value) {
    parameters.emplace_back(std::move(value));
    where += fmt::format(fmt::runtime(condition), parameters.size());
  };
  add("h.tenant_id = ${}::int4", std::to_string(scope.tenant.value));
  where += fmt::format(
      " AND e.time >= '{}'::timestamptz AND e.time < '{}'::timestamptz"
      " AND e.time_unix_nano >= {} AND e.time_unix_nano < {}",
      FormatTimestamp(query.range.from), FormatTimestampUp(query.range.to),
      shared::ToUnixNanos(query.range.from), shared::ToUnixNanos(query.range.to));
  if (scope.host_ids) add(" AND e.host_id = ANY (${}::int4[])", *scope.host_ids);
  if (query.min_severity > 0) {
    add(" AND e.severity_number >= ${}::int4", std::to_string(query.min_severity));
  }
  if (query.sqlstate) add(" AND e.sqlstate = ${}", *query.sqlstate);
  if (query.database) add(" AND e.database = ${}", *query.database);
  if (query.contains) add(" AND strpos(e.body, ${}) > 0", *query.contains);
  if (query.source) where += fmt::format(" AND f.format {}", SourceFormats(*query.source));
  if (scope.after) {
    where += fmt::format(" AND (e.time, e.file_id, e.file_offset) {} ('{}'::timestamptz, {}, {})",
                         query.newest_first ? '<' : '>',
                         FormatTimestamp(FromUnixMicros(scope.after->micros)), scope.after->file_id,
                         scope.after->offset);
  }
  const std::string_view order = query.newest_first ? "DESC" : "ASC";
  const std::string sql = fmt::format(
      "/* pgvigil logs */ SELECT e.time_unix_nano, h.name, f.path, f.uuid, e.file_id, "
      "e.file_offset,"
      " f.format, e.severity_number, e.severity_text, {}, e.truncated, e.sanitised, e.attributes,"
      " e.body FROM pgvigil.log_event e JOIN pgvigil.log_file f ON f.id = e.file_id"
      " JOIN pgvigil.host h ON h.id = f.host_id WHERE {}"
      " ORDER BY e.time {}, e.file_id {}, e.file_offset {} LIMIT {}",
      kFieldColumns, where, order, order, order, query.limit + 1);
  ASSIGN_OR_RETURN(const Rows rows, session.Query(sql, parameters));
  api::LogPage page;
  const size_t count = std::min(rows.size(), query.limit);
  for (size_t row = 0; row < count; ++row) page.rows.push_back(RowAt(rows, row));
  if (rows.size() > count) {
    const int64_t nanos = rows.Int(count - 1, 0).value_or(0);
    page.next_cursor = FormatLogCursor(
        {nanos / 1000, rows.Int(count - 1, 4).value_or(0), rows.Int(count - 1, 5).value_or(0)});
  }
  return page;
}

}  // namespace collector::storage
