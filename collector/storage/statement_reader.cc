#include "collector/storage/statement_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "collector/storage/sql_text.h"
#include "collector/storage/statement_hours.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Parameter;
using shared::postgres::Rows;

std::string TextAt(const Rows& rows, size_t row, size_t column) {
  return std::string(rows.Text(row, column));
}

// "sum(d.calls)::float8, sum(d.rows)::float8, …": sums of int8 are numeric.
std::string CounterSums() {
  std::string out;
  for (const std::string& name : api::StatementCounters()) {
    out += fmt::format("{}sum(d.{})::float8", out.empty() ? "" : ", ", name);
  }
  return out;
}

// "t.sums[1], t.sums[2], …", one for each counter.
std::string ElementsOf(std::string_view array) {
  std::string out;
  for (size_t i = 1; i <= api::StatementCounters().size(); ++i) {
    out += fmt::format("{}{}[{}]", i == 1 ? "" : ", ", array, i);
  }
  return out;
}

std::map<std::string, double> CountersAt(const Rows& rows, size_t row, size_t first_column) {
  std::map<std::string, double> out;
  size_t column = first_column;
  for (const std::string& name : api::StatementCounters()) {
    out[name] = rows.Double(row, column++).value_or(0);
  }
  return out;
}

// Conditions on d, with the clusters of the tenant (and host) resolved to ids first, so that the
// plan is a range scan of each cluster's part of the window. $1 is the clusters.
struct Where {
  std::string sql;  // clusters and names
  std::vector<Parameter> parameters;
};

Result<Where> Conditions(ReadSession& session, access::TenantId tenant,
                         const api::StatementQuery& query) {
  std::string instances =
      "/* pgvigil statements */ SELECT i.id FROM pgvigil.instance i JOIN pgvigil.host h"
      " ON h.id = i.host_id WHERE h.tenant_id = $1::int4";
  std::vector<Parameter> parameters{std::to_string(tenant.value)};
  if (query.host) {
    instances += " AND (h.name = $2 OR h.host_key = $2)";
    parameters.emplace_back(*query.host);
  }
  ASSIGN_OR_RETURN(const Rows rows, session.Query(instances, parameters));
  ArrayText ids;
  for (size_t row = 0; row < rows.size(); ++row) ids.Add(rows.Int(row, 0).value_or(0));
  Where where;
  where.parameters.emplace_back(ids.Take());
  where.sql = "d.instance_id = ANY ($1::int4[])";
  const auto add_name = [&](std::string_view table, std::string_view column,
                            const std::optional<std::string>& name) {
    if (!name) return;
    where.parameters.emplace_back(*name);
    where.sql += fmt::format(
        " AND EXISTS (SELECT FROM pgvigil.{0} n WHERE n.instance_id = d.instance_id"
        " AND n.oid = d.{1} AND n.name = ${2})",
        table, column, where.parameters.size());
  };
  add_name("database_name", "dbid", query.database);
  add_name("role_name", "userid", query.user);
  return where;
}

// FROM item `d` with the counters of the range, by the interval and by the hour.
Result<std::string> CountersOf(ReadSession& session, const Where& where,
                               const api::TimeRange& range) {
  ASSIGN_OR_RETURN(const StatementSource source,
                   ChooseStatementSource(session, where.parameters[0].value_or("{}"), range));
  std::string columns =
      "d.instance_id, d.dbid, d.userid, d.queryid, d.toplevel, d.min_exec_time_ms,"
      " d.max_exec_time_ms";
  for (const std::string& name : api::StatementCounters()) columns += ", d." + name;
  std::string sql = fmt::format("(SELECT {} FROM pgvigil.statement_delta d WHERE {} AND {}",
                                columns, where.sql, source.interval_condition);
  if (!source.hour_condition.empty()) {
    sql += fmt::format(" UNION ALL SELECT {} FROM pgvigil.statement_hour d WHERE {} AND {}",
                       columns, where.sql, source.hour_condition);
  }
  return sql + ") d";
}

constexpr size_t kNamedColumns = 12;

api::StatementRow StatementAt(const Rows& rows, size_t row) {
  api::StatementRow out;
  out.host_name = TextAt(rows, row, 0);
  // pg_control_system() prints it signed, pg_controldata unsigned; people know the latter.
  out.instance = std::to_string(static_cast<uint64_t>(rows.Int(row, 1).value_or(0)));
  out.instance_name = TextAt(rows, row, 2);
  out.database = TextAt(rows, row, 3);
  out.user = TextAt(rows, row, 4);
  out.queryid = rows.Int(row, 5).value_or(0);
  out.toplevel = rows.Bool(row, 6).value_or(true);
  out.text = TextAt(rows, row, 7);
  out.fingerprint = TextAt(rows, row, 8);
  out.min_exec_time_ms = rows.Double(row, 9).value_or(0);
  out.max_exec_time_ms = rows.Double(row, 10).value_or(0);
  out.counters = CountersAt(rows, row, kNamedColumns);
  return out;
}

}  // namespace

Result<std::vector<api::StatementRow>> ReadTopStatements(ReadSession& session,
                                                         access::TenantId tenant,
                                                         const api::StatementQuery& query) {
  const std::vector<std::string>& counters = api::StatementCounters();
  if (std::find(counters.begin(), counters.end(), query.order_by) == counters.end()) {
    return Fail(ErrorCode::kInvalidInput, "order_by: '{}' is no counter", query.order_by);
  }
  ASSIGN_OR_RETURN(Where where, Conditions(session, tenant, query));
  ASSIGN_OR_RETURN(const std::string source, CountersOf(session, where, query.range));
  where.parameters.emplace_back(std::to_string(query.limit));
  // First the sums and the best of them, then the names and texts of those few. Minimum and maximum
  // count only where the entry ran: an idle entry's readings are of an earlier time.
  const std::string sql = fmt::format(
      "/* pgvigil statements */ WITH top AS (SELECT d.instance_id, d.dbid, d.userid, d.queryid,"
      " d.toplevel, min(d.min_exec_time_ms) FILTER (WHERE d.calls > 0) AS min_ms,"
      " max(d.max_exec_time_ms) FILTER (WHERE d.calls > 0) AS max_ms, sum(d.{0})::float8 AS rank,"
      " ARRAY[{1}] AS sums FROM {2}"
      " GROUP BY d.instance_id, d.dbid, d.userid, d.queryid, d.toplevel"
      " ORDER BY sum(d.{0}) DESC, d.instance_id, d.queryid, d.dbid, d.userid LIMIT ${3}::int8)"
      " SELECT h.name, i.system_identifier, i.name, coalesce(b.name, t.dbid::text),"
      " coalesce(r.name, t.userid::text), t.queryid, t.toplevel, coalesce(x.text, ''),"
      " coalesce(encode(x.fingerprint, 'hex'), ''), t.min_ms, t.max_ms, t.rank, {4}"
      " FROM top t JOIN pgvigil.instance i ON i.id = t.instance_id"
      " JOIN pgvigil.host h ON h.id = i.host_id"
      " LEFT JOIN pgvigil.database_name b ON b.instance_id = t.instance_id AND b.oid = t.dbid"
      " LEFT JOIN pgvigil.role_name r ON r.instance_id = t.instance_id AND r.oid = t.userid"
      " LEFT JOIN pgvigil.statement_text x ON x.instance_id = t.instance_id AND x.dbid = t.dbid"
      " AND x.queryid = t.queryid"
      " ORDER BY t.rank DESC, t.instance_id, t.queryid, t.dbid, t.userid",
      query.order_by, CounterSums(), source, where.parameters.size(), ElementsOf("t.sums"));
  ASSIGN_OR_RETURN(const Rows rows, session.Query(sql, where.parameters));
  std::vector<api::StatementRow> out;
  for (size_t row = 0; row < rows.size(); ++row) out.push_back(StatementAt(rows, row));
  return out;
}

Result<std::vector<api::StatementPoint>> ReadStatementHistory(ReadSession& session,
                                                              access::TenantId tenant,
                                                              const api::StatementQuery& query,
                                                              int64_t queryid) {
  ASSIGN_OR_RETURN(Where where, Conditions(session, tenant, query));
  where.parameters.emplace_back(std::to_string(queryid));
  const size_t queryid_parameter = where.parameters.size();
  where.parameters.emplace_back(std::to_string(query.limit));
  const std::string sql = fmt::format(
      "/* pgvigil statements */ SELECT {}, {}, {} FROM pgvigil.statement_delta d WHERE {}"
      " AND d.interval_end >= '{}'::timestamptz AND d.interval_end < '{}'::timestamptz"
      " AND d.queryid = ${}::int8 GROUP BY d.interval_start, d.interval_end"
      " ORDER BY d.interval_end, d.interval_start LIMIT ${}::int8",
      EpochMicros("d.interval_start"), EpochMicros("d.interval_end"), CounterSums(), where.sql,
      FormatTimestampUp(query.range.from), FormatTimestampUp(query.range.to), queryid_parameter,
      where.parameters.size());
  ASSIGN_OR_RETURN(const Rows rows, session.Query(sql, where.parameters));
  std::vector<api::StatementPoint> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({FromUnixMicros(rows.Int(row, 0).value_or(0)),
                   FromUnixMicros(rows.Int(row, 1).value_or(0)), CountersAt(rows, row, 2)});
  }
  return out;
}

}  // namespace collector::storage
