#include "collector/support_command.h"

#include <fmt/format.h>

#include "collector/part_options.h"
#include "shared/base/exit_code.h"
#include "shared/base/version.h"
#include "shared/config/command.h"
#include "shared/config/environment.h"
#include "shared/config/expand.h"
#include "shared/postgres/connection.h"
#include "shared/support/bundle.h"

namespace collector {
namespace {

struct Question {
  const char* title;
  const char* sql;
};

constexpr Question kQuestions[] = {
    {"PostgreSQL", "SELECT version(), pg_is_in_recovery(), pg_postmaster_start_time()"},
    {"settings of PostgreSQL that are not its defaults",
     "SELECT name, setting, unit, source FROM pg_settings WHERE source <> 'default' AND name NOT IN"
     " ('primary_conninfo', 'ssl_passphrase_command', 'archive_command', 'restore_command')"
     " ORDER BY name"},
    {"schema", "SELECT version, applied_at FROM pgvigil.schema_migration ORDER BY version"},
    {"tables",
     "SELECT table_name, count(*), pg_size_pretty(sum(bytes)), min(partition_name),"
     " max(partition_name) FROM pgvigil.partitions GROUP BY 1 ORDER BY sum(bytes) DESC"},
    {"agents' streams",
     "SELECT stream, count(*), sum(batches), sum(gaps), sum(duplicates), min(last_received),"
     " max(last_received) FROM pgvigil.agent_streams GROUP BY 1 ORDER BY 1"},
    {"refusals", "SELECT * FROM pgvigil.refusals ORDER BY 1, 2 LIMIT 200"},
    {"Kafka's partitions", "SELECT * FROM pgvigil.kafka_partitions ORDER BY 1, 2"},
    {"sessions of this role",
     "SELECT application_name, state, wait_event_type, wait_event, xact_start, count(*)"
     " FROM pg_stat_activity WHERE usename = current_user GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2"},
};

void PrintRows(const shared::postgres::Rows& rows) {
  for (size_t column = 0; column < rows.columns(); ++column) {
    fmt::print("{}{}", column == 0 ? "" : " | ", rows.column_name(column));
  }
  fmt::print("\n");
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t column = 0; column < rows.columns(); ++column) {
      fmt::print("{}{}", column == 0 ? "" : " | ", rows.Text(row, column));
    }
    fmt::print("\n");
  }
}

void PrintStore(const shared::postgres::ConnectOptions& connect) {
  auto connection = shared::postgres::Connection::Open(connect);
  if (!connection) {
    shared::support::PrintSection("PostgreSQL");
    fmt::print("{}\n", connection.error().message);
    return;
  }
  connection->SetDeadline(std::chrono::seconds(30));
  for (const Question& question : kQuestions) {
    shared::support::PrintSection(question.title);
    const auto rows = connection->Query(question.sql);
    if (rows) {
      PrintRows(*rows);
    } else {
      fmt::print("{}\n", rows.error().message);
    }
  }
}

}  // namespace

int PrintSupportBundle(const config::CollectorConfig& config,
                       const shared::config::Problems& problems,
                       const shared::config::Settings& settings, const std::string& key_file) {
  fmt::print("pgvigil-collector {} ({})\n", shared::kVersion, shared::kCommit);
  shared::support::PrintMachine();
  shared::support::PrintSection("settings in effect");
  shared::config::RunConfigShow(problems, settings, false);
  if (!problems.empty()) return shared::kExitConfig;
  shared::Secret key;
  if (!key_file.empty()) {
    auto text = shared::config::ReadSecretFile(key_file, shared::config::ReadEnvironment());
    if (!text) {
      fmt::print(stderr, "{}\n", text.error().message);
      return shared::kExitUnavailable;
    }
    key = shared::Secret(std::move(*text));
  }
  const OwnAddress own = OwnAddressOf(config.http);
  shared::support::PrintPage(own.url + "/readyz", own.tls, key);
  shared::support::PrintPage(own.url + "/metrics", own.tls, key);
  PrintStore(StoreOptionsOf(config).connect);
  return shared::kExitOk;
}

}  // namespace collector
