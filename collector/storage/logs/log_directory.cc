#include "collector/storage/logs/log_directory.h"

#include <fmt/format.h>

#include "collector/storage/logs/log_filter.h"
#include "collector/storage/logs/token_bloom.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Parameter;
using shared::postgres::Rows;

constexpr size_t kMostRows = 2048;
constexpr size_t kFixedColumns = 5;

std::string Add(std::vector<Parameter>& parameters, std::string value) {
  parameters.emplace_back(std::move(value));
  return fmt::format("${}", parameters.size());
}

}  // namespace

std::string LogDirectory::Where(std::vector<Parameter>& parameters) const {
  const bool newest_first = query_.newest_first;
  std::string where = fmt::format(
      "h.tenant_id = {}::int4 AND b.first_time >= '{}'::timestamptz"
      " AND b.first_time < '{}'::timestamptz AND b.last_time >= '{}'::timestamptz",
      Add(parameters, std::to_string(scope_.tenant.value)), FormatTimestamp(day_),
      FormatTimestampUp(std::min<shared::WallTime>(query_.range.to, day_ + std::chrono::days(1))),
      FormatTimestamp(query_.range.from));
  if (query_.min_severity > 0) {
    where += fmt::format(" AND (b.severity_mask & {}) <> 0", SeverityMask(query_.min_severity));
  }
  if (query_.source) where += fmt::format(" AND f.format {}", SourceFormats(*query_.source));
  if (scope_.host_ids) {
    where += fmt::format(" AND b.host_id = ANY ({}::int4[])", Add(parameters, *scope_.host_ids));
  }
  if (scope_.after) {
    where += fmt::format(" AND {} '{}'::timestamptz",
                         newest_first ? "b.first_time <=" : "b.last_time >=",
                         FormatTimestamp(FromUnixMicros(scope_.after->micros)));
  }
  if (last_) {
    where += fmt::format(" AND ({}, b.file_id, b.begin_offset) {} ('{}'::timestamptz, {}, {})",
                         newest_first ? "b.last_time" : "b.first_time", newest_first ? '<' : '>',
                         FormatTimestamp(FromUnixMicros(last_->near)), last_->file_id,
                         last_->begin_offset);
  }
  return where;
}

// Columns: 0 segment or not, 1 near end, 2 file, 3 offset, 4 first_time; then for each probe:
// whether one of its patterns is there, and its slice.
std::string LogDirectory::Sql(std::vector<Parameter>& parameters) const {
  const std::string where = Where(parameters);
  const std::string_view order = query_.newest_first ? "DESC" : "ASC";
  const std::string_view near = query_.newest_first ? "b.last_time" : "b.first_time";
  std::string of_block, of_segment;
  for (const LogProbe& probe : scope_.probes) {
    of_block += ", NULL::int4, NULL::bytea";
    // As BloomSliceAt says. The filter is stored uncompressed, so that this reads one piece of it.
    of_segment += fmt::format(
        ", (b.patterns && {}::int4[])::int4, substr(b.bloom, 1 + 32 * (({}::int8 *"
        " (octet_length(b.bloom) / 32)) >> 32)::int4, 32)",
        Add(parameters, probe.patterns), probe.hash >> 32);
  }
  std::string segment_where = where;
  if (scope_.patterns_of_form) {
    segment_where +=
        fmt::format(" AND b.patterns && {}::int4[]", Add(parameters, *scope_.patterns_of_form));
  }
  const auto part = [&](int kind, std::string_view table, const std::string& columns,
                        const std::string& condition) {
    return fmt::format(
        "(SELECT {}::int4, {} AS near, b.file_id, b.begin_offset, b.first_time{} FROM pgvigil.{} b"
        " JOIN pgvigil.log_file f ON f.id = b.file_id JOIN pgvigil.host h ON h.id = f.host_id"
        " WHERE {} ORDER BY 2 {}, 3 {}, 4 {} LIMIT {})",
        kind, near, columns, table, condition, order, order, order, page_);
  };
  return fmt::format("/* pgvigil logs */ {} UNION ALL {} ORDER BY 2 {}, 3 {}, 4 {} LIMIT {}",
                     part(0, "log_block", of_block, where),
                     part(1, "log_segment", of_segment, segment_where), order, order, order, page_);
}

Result<std::vector<LogBlockRef>> LogDirectory::NextPage() {
  std::vector<LogBlockRef> out;
  if (done_) return out;
  std::vector<Parameter> parameters;
  const std::string sql = Sql(parameters);
  ASSIGN_OR_RETURN(const Rows rows, session_.QueryBinary(sql, parameters));
  for (size_t row = 0; row < rows.size(); ++row) {
    LogBlockRef& block = out.emplace_back(LogBlockRef{rows.Int4(row, 0) == 1,
                                                      rows.UnixMicros(row, 1), rows.Int8(row, 2),
                                                      rows.Int8(row, 3), rows.UnixMicros(row, 4)});
    for (size_t i = 0; block.segment && i < scope_.probes.size(); ++i) {
      const size_t column = kFixedColumns + 2 * i;
      const bool constant = rows.Int4(row, column) == 1;
      block.pruned = block.pruned || (!constant && !BloomSliceHas(rows.Text(row, column + 1),
                                                                  scope_.probes[i].hash));
    }
  }
  done_ = out.size() < page_;
  page_ = std::min(page_ * 4, kMostRows);
  if (!out.empty()) last_ = out.back();
  return out;
}

}  // namespace collector::storage
