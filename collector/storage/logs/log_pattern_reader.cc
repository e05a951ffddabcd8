#include "collector/storage/logs/log_pattern_reader.h"

#include <fmt/format.h>

#include "collector/storage/logs/log_filter.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::WallTime;
using shared::postgres::Parameter;
using shared::postgres::Rows;

// Files that the question is about, and rows whose times overlap its window. No segment and no
// block crosses midnight, which bounds first_time from below, too.
std::string Where(access::TenantId tenant, const api::LogPatternQuery& query,
                  std::vector<Parameter>& parameters) {
  parameters.emplace_back(std::to_string(tenant.value));
  std::string where = fmt::format(
      "h.tenant_id = $1::int4 AND c.first_time >= '{}'::timestamptz"
      " AND c.first_time < '{}'::timestamptz AND c.last_time >= '{}'::timestamptz",
      FormatTimestamp(std::chrono::floor<std::chrono::days>(query.range.from)),
      FormatTimestampUp(query.range.to), FormatTimestamp(query.range.from));
  if (query.host) {
    parameters.emplace_back(*query.host);
    where += fmt::format(" AND (h.name = ${0} OR h.host_key = ${0})", parameters.size());
  }
  if (query.source) where += fmt::format(" AND f.format {}", SourceFormats(*query.source));
  return where;
}

constexpr std::string_view kFrom =
    "JOIN pgvigil.log_file f ON f.id = c.file_id JOIN pgvigil.host h ON h.id = f.host_id";

}  // namespace

Result<api::LogPatternPage> ReadLogPatterns(ReadSession& session, access::TenantId tenant,
                                            const api::LogPatternQuery& query) {
  // Both counts must see the same merging.
  session.HoldSnapshot();
  std::vector<Parameter> parameters;
  const std::string where = Where(tenant, query, parameters);
  ASSIGN_OR_RETURN(
      const Rows uncounted,
      session.Query(fmt::format("/* pgvigil log patterns */ SELECT coalesce(sum(c.lines), 0)::int8"
                                " FROM pgvigil.log_block c {} WHERE {}",
                                kFrom, where),
                    parameters));
  std::string newer;
  if (query.new_since) {
    newer = fmt::format("AND p.first_seen >= '{}'::timestamptz", FormatTimestamp(*query.new_since));
  }
  using std::chrono::floor, std::chrono::minutes;
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query(
          fmt::format(
              "/* pgvigil log patterns */ SELECT p.id, p.source, p.template, p.severity_number,"
              " n.lines, {}, {}, p.example FROM (SELECT u.pattern_id, sum(u.lines)::int8 AS lines"
              " FROM pgvigil.log_pattern_count c {} CROSS JOIN LATERAL"
              " unnest(c.minutes, c.patterns, c.lines) AS u (minute, pattern_id, lines)"
              " WHERE {} AND u.minute >= {} AND u.minute <= {} GROUP BY 1) n"
              " JOIN pgvigil.log_pattern p ON p.id = n.pattern_id WHERE true {}"
              " ORDER BY n.lines DESC, p.id LIMIT {}",
              EpochMicros("p.first_seen"), EpochMicros("p.last_seen"), kFrom, where,
              floor<minutes>(query.range.from).time_since_epoch().count(),
              floor<minutes>(query.range.to - std::chrono::nanoseconds(1))
                  .time_since_epoch()
                  .count(),
              newer, query.limit),
          parameters));
  api::LogPatternPage page;
  page.uncounted_lines = uncounted.Unsigned(0, 0).value_or(0);
  for (size_t row = 0; row < rows.size(); ++row) {
    api::LogPatternRow& out = page.rows.emplace_back();
    out.id = static_cast<int32_t>(rows.Int(row, 0).value_or(0));
    out.source = rows.Text(row, 1);
    out.pattern = rows.Text(row, 2);
    out.severity_number = static_cast<uint32_t>(rows.Int(row, 3).value_or(0));
    out.lines = rows.Unsigned(row, 4).value_or(0);
    out.first_seen = FromUnixMicros(rows.Int(row, 5).value_or(0));
    out.last_seen = FromUnixMicros(rows.Int(row, 6).value_or(0));
    out.example = rows.Text(row, 7);
  }
  return page;
}

}  // namespace collector::storage
