#include "agent/postgres/statements/extension.h"

#include <optional>
#include <utility>

#include "shared/text/cursor.h"

namespace agent::postgres::statements {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;
using shared::postgres::Connection;
using shared::postgres::QuoteIdentifier;
using shared::postgres::QuoteLiteral;
using shared::postgres::Rows;

namespace {

// pg_settings hides what the role may not see, where current_setting() would raise an error. The
// module defines its settings when it is loaded, so their presence shows that it is.
constexpr std::string_view kExtensionSql =
    "/* pgvigil: statement setup */ SELECT"
    " pg_catalog.current_setting('pg_stat_statements.max', true),"
    " (SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = 'shared_preload_libraries'),"
    " e.extversion, n.nspname, a.default_version, pg_catalog.current_database(), current_user,"
    " pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),"
    " pg_catalog.current_setting('compute_query_id', true),"
    " pg_catalog.current_setting('pg_stat_statements.track', true),"
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    " FROM (SELECT 1) AS one"
    " LEFT JOIN pg_catalog.pg_extension e ON e.extname = 'pg_stat_statements'"
    " LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
    " LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = 'pg_stat_statements'";

std::string EpochSql(int extension, std::string_view schema) {
  const auto micros = [](std::string_view time) {
    return fmt::format("(extract(epoch FROM {}) * 1000000)::bigint", time);
  };
  std::string sql = "/* pgvigil: statement epoch */ SELECT " +
                    micros("pg_catalog.clock_timestamp()") + ", " +
                    micros("pg_catalog.pg_postmaster_start_time()");
  if (extension < kExtensionWithToplevel) return sql + ", NULL, NULL";
  return sql + ", " + micros("i.stats_reset") + ", i.dealloc FROM " + QuoteIdentifier(schema) +
         ".pg_stat_statements_info AS i";
}

Result<Epoch> ParseEpoch(const Result<Rows>& rows) {
  if (!rows) return tl::make_unexpected(rows.error());
  if (rows->size() != 1 || rows->columns() != 4) {
    return Fail(ErrorCode::kMalformed, "epoch: {} rows of {} columns", rows->size(),
                rows->columns());
  }
  const auto time = [&](size_t column) -> std::optional<WallTime> {
    const std::optional<int64_t> micros = rows->Int(0, column);
    if (!micros) return std::nullopt;
    return WallTime(std::chrono::microseconds(*micros));
  };
  const std::optional<WallTime> now = time(0);
  const std::optional<WallTime> start = time(1);
  if (!now || !start)
    return Fail(ErrorCode::kMalformed, "epoch: no time in '{}'", rows->Text(0, 0));
  return Epoch{.server_time = *now,
               .postmaster_start = *start,
               .stats_reset = time(2).value_or(WallTime()),
               .dealloc = rows->Unsigned(0, 3).value_or(0)};
}

Result<Reading> ParseCounters(const Result<Rows>& rows, int extension, const Epoch& epoch) {
  if (!rows) return tl::make_unexpected(rows.error());
  Reading reading(extension, epoch);
  reading.Reserve(rows->size());
  for (size_t row = 0; row < rows->size(); ++row)
    RETURN_IF_ERROR(reading.AddRow(rows->Text(row, 0)));
  reading.Finish();
  return reading;
}

}  // namespace

Result<Extension> ReadExtension(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kExtensionSql));
  if (rows.size() != 1) {
    return Fail(ErrorCode::kMalformed, "pg_extension: {} rows for pg_stat_statements", rows.size());
  }
  Extension out;
  out.loaded = !rows.IsNull(0, 0);
  out.entries_max = static_cast<uint32_t>(rows.Unsigned(0, 0).value_or(0));
  out.preload_libraries = rows.Text(0, 1);
  out.version = rows.Text(0, 2);
  out.schema = rows.Text(0, 3);
  out.available_version = rows.Text(0, 4);
  out.database = rows.Text(0, 5);
  out.role = rows.Text(0, 6);
  out.reads_all = rows.Bool(0, 7).value_or(false);
  out.computes_query_id = rows.Text(0, 8) != "off";
  out.tracks = rows.Text(0, 9) != "none";
  out.enters_schema = rows.Bool(0, 10).value_or(true);
  return out;
}

int ExtensionMinor(std::string_view version) {
  if (version.substr(0, 2) != "1.") return -1;
  const std::optional<uint16_t> minor = shared::text::ParseNumber<uint16_t>(version.substr(2));
  return minor ? *minor : -1;
}

Advice Advise(const Extension& extension) {
  const std::string in_database =
      fmt::format("in database {}: ", QuoteIdentifier(extension.database));
  if (!extension.loaded) {
    std::string libraries = extension.preload_libraries;
    if (!libraries.empty()) libraries += ",";
    libraries += "pg_stat_statements";
    return {.usable = false,
            .problem = "pg_stat_statements is not in shared_preload_libraries",
            .remedy = fmt::format("ALTER SYSTEM SET shared_preload_libraries = {}; then restart "
                                  "PostgreSQL",
                                  QuoteLiteral(libraries))};
  }
  if (extension.version.empty()) {
    return {.usable = false,
            .problem = fmt::format("the extension pg_stat_statements is not created in database {}",
                                   QuoteIdentifier(extension.database)),
            .remedy = in_database + "CREATE EXTENSION pg_stat_statements"};
  }
  if (!extension.enters_schema) {
    const std::string schema = QuoteIdentifier(extension.schema);
    const std::string role = QuoteIdentifier(extension.role);
    return {.usable = false,
            .problem = fmt::format("role {} may not use schema {}, where pg_stat_statements lives",
                                   role, schema),
            .remedy = in_database + fmt::format("GRANT USAGE ON SCHEMA {} TO {}", schema, role)};
  }
  const int minor = ExtensionMinor(extension.version);
  const bool outdated =
      !extension.available_version.empty() && minor < ExtensionMinor(extension.available_version);
  if (minor < kOldestExtension) {
    return {.usable = false,
            .problem = fmt::format("pg_stat_statements {} is older than 1.{}", extension.version,
                                   kOldestExtension),
            .remedy = in_database + "ALTER EXTENSION pg_stat_statements UPDATE"};
  }
  if (!extension.tracks) {
    return {.usable = true,
            .problem = "pg_stat_statements.track is none: nothing is counted",
            .remedy = "ALTER SYSTEM SET pg_stat_statements.track = 'top'; SELECT pg_reload_conf()"};
  }
  if (!extension.computes_query_id) {
    return {.usable = true,
            .problem = "compute_query_id is off: nothing is counted",
            .remedy = "ALTER SYSTEM SET compute_query_id = 'auto'; SELECT pg_reload_conf()"};
  }
  if (!extension.reads_all) {
    return {.usable = true,
            .problem = fmt::format("role {} sees only its own statements",
                                   QuoteIdentifier(extension.role)),
            .remedy = fmt::format("GRANT pg_monitor TO {}", QuoteIdentifier(extension.role))};
  }
  if (outdated) {
    return {.usable = true,
            .problem = fmt::format("pg_stat_statements {} is older than the installed {}",
                                   extension.version, extension.available_version),
            .remedy = in_database + "ALTER EXTENSION pg_stat_statements UPDATE"};
  }
  return {};
}

Result<Reading> ReadCounters(Connection& connection, const Extension& extension) {
  const int minor = ExtensionMinor(extension.version);
  const std::string epoch_sql = EpochSql(minor, extension.schema);
  const std::vector<shared::postgres::Statement> statements = {
      {epoch_sql, {}}, {CountersSql(minor, extension.schema), {}}, {epoch_sql, {}}};
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ASSIGN_OR_RETURN(const std::vector<Result<Rows>> answers, connection.Pipeline(statements));
    if (answers.size() != statements.size()) {
      return Fail(ErrorCode::kInternal, "{} answers to {} statements", answers.size(),
                  statements.size());
    }
    ASSIGN_OR_RETURN(const Epoch before, ParseEpoch(answers[0]));
    ASSIGN_OR_RETURN(const Epoch after, ParseEpoch(answers[2]));
    if (before.stats_reset != after.stats_reset) continue;
    return ParseCounters(answers[1], minor, before);
  }
  return Fail(ErrorCode::kUnavailable, "pg_stat_statements was reset during {} readings in a row",
              kAttempts);
}

}  // namespace agent::postgres::statements
