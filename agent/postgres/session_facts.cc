#include <array>

#include "agent/postgres/session.h"
#include "shared/text/cursor.h"

// What a server tells about itself: FactStatements and ParseFacts.
namespace agent::postgres {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Statement;

constexpr std::string_view kFacts = R"(/* pgvigil: who answers */
SELECT (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c) AS system_identifier,
       pg_catalog.current_setting('port') AS port,
       pg_catalog.current_setting('server_version_num') AS server_version,
       pg_catalog.current_setting('server_version') AS version,
       pg_catalog.current_setting('cluster_name') AS cluster_name,
       pg_catalog.current_setting('is_superuser') AS is_superuser,
       pg_catalog.current_setting('search_path') AS search_path,
       extract(epoch FROM pg_catalog.pg_postmaster_start_time()) AS start_time,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       pg_catalog.pg_has_role('pg_monitor', 'USAGE') AS pg_monitor,
       current_user AS role, pg_catalog.current_database() AS database)";

// Not current_setting(): that fails for what this role may not see, here the row is just missing.
constexpr std::string_view kSettings = R"(/* pgvigil: log settings */
SELECT s.name, s.setting FROM pg_catalog.pg_settings AS s
WHERE s.name OPERATOR(pg_catalog.=) ANY (ARRAY['data_directory', 'log_destination',
  'logging_collector', 'log_directory', 'log_filename', 'log_line_prefix', 'log_timezone',
  'lc_messages']::pg_catalog.text[]))";

constexpr std::string_view kCurrentLog = R"(/* pgvigil: current log file */
SELECT pg_catalog.pg_current_logfile() AS path)";

std::string Owned(std::optional<std::string_view> text) {
  return std::string(text.value_or(""));
}

void TakeSetting(const Row& row, SessionFacts& facts) {
  const std::string_view name = row.Text("name").value_or("");
  const std::string_view value = row.Text("setting").value_or("");
  constexpr std::array<std::pair<std::string_view, std::string LogSettings::*>, 7> kTexts = {{
      {"data_directory", &LogSettings::data_directory},
      {"log_destination", &LogSettings::log_destination},
      {"log_directory", &LogSettings::log_directory},
      {"log_filename", &LogSettings::log_filename},
      {"log_line_prefix", &LogSettings::log_line_prefix},
      {"log_timezone", &LogSettings::log_timezone},
      {"lc_messages", &LogSettings::lc_messages},
  }};
  for (const auto& [setting, member] : kTexts) {
    if (name == setting) facts.log.*member = value;
  }
  if (name == "logging_collector") facts.log.logging_collector = value == "on";
}

Result<InstanceIdentity> ParseIdentity(const std::string& target, const Row& row) {
  InstanceIdentity out;
  out.name = target;
  const std::optional<int64_t> system_identifier = row.Integer("system_identifier");
  const std::optional<int64_t> port = row.Integer("port");
  const std::optional<int64_t> server_version = row.Integer("server_version");
  const std::optional<double> start_time = row.Number("start_time");
  if (!system_identifier || !port || !server_version || !start_time) {
    return Fail(ErrorCode::kMalformed,
                "the server's facts lack system_identifier, port, server_version or start_time");
  }
  out.system_identifier = static_cast<uint64_t>(*system_identifier);  // SQL shows it signed
  out.port = static_cast<uint16_t>(*port);
  out.server_version = static_cast<int>(*server_version);
  out.start_time = shared::FromUnixNanos(static_cast<int64_t>(*start_time * 1e6) * 1000);
  out.version = Owned(row.Text("version"));
  out.cluster_name = Owned(row.Text("cluster_name"));
  out.in_recovery = row.IsTrue("in_recovery");
  return out;
}

}  // namespace

std::vector<Statement> FactStatements() {
  return {{std::string(kFacts), {}}, {std::string(kSettings), {}}, {std::string(kCurrentLog), {}}};
}

Result<SessionFacts> ParseFacts(const std::string& target, const Table& facts,
                                const Table& settings, const Table* current_log) {
  if (facts.size() != 1) return Fail(ErrorCode::kMalformed, "the server's facts are no single row");
  const Row row(facts, 0);
  SessionFacts out;
  ASSIGN_OR_RETURN(out.identity, ParseIdentity(target, row));
  out.role = Owned(row.Text("role"));
  out.database = Owned(row.Text("database"));
  out.search_path = Owned(row.Text("search_path"));
  out.superuser = row.Text("is_superuser") == "on";
  out.pg_monitor = row.IsTrue("pg_monitor");
  for (size_t i = 0; i < settings.size(); ++i) TakeSetting(Row(settings, i), out);
  out.identity.data_directory = out.log.data_directory;
  if (current_log != nullptr && current_log->size() == 1) {
    out.log.current_logfiles = Owned(Row(*current_log, 0).Text("path"));
  }
  return out;
}

Result<SessionFacts> ReadFacts(Connection& connection, const std::string& target) {
  ASSIGN_OR_RETURN(const std::vector<Result<Rows>> answers, connection.Pipeline(FactStatements()));
  for (size_t i = 0; i < 2; ++i) {
    if (!answers[i]) return tl::make_unexpected(answers[i].error());
  }
  const QueryTable facts(*answers[0]);
  const QueryTable settings(*answers[1]);
  if (!answers[2]) return ParseFacts(target, facts, settings, nullptr);
  const QueryTable current_log(*answers[2]);
  return ParseFacts(target, facts, settings, &current_log);
}

}  // namespace agent::postgres
