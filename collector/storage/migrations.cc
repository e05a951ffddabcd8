#include "collector/storage/migrations.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <map>

#include "collector/storage/lock_keys.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;
using shared::postgres::Transaction;

constexpr std::string_view kBootstrap = R"sql(
CREATE SCHEMA IF NOT EXISTS pgvigil;
COMMENT ON SCHEMA pgvigil IS 'Telemetry of PostgreSQL fleets, written by pgvigil-collector.';
CREATE TABLE IF NOT EXISTS pgvigil.schema_migration (
  version    int4 PRIMARY KEY,
  name       text NOT NULL,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE pgvigil.schema_migration IS 'Which migrations made this schema. Written by the collector at start.';
COMMENT ON COLUMN pgvigil.schema_migration.version IS 'Number of the file, from 1.';
COMMENT ON COLUMN pgvigil.schema_migration.name IS 'Name of the file.';
COMMENT ON COLUMN pgvigil.schema_migration.checksum IS 'XXH3-128 of the file: an applied file never changes.';
COMMENT ON COLUMN pgvigil.schema_migration.applied_at IS 'When it was applied.';
)sql";

struct Applied {
  std::string name;
  std::string checksum;
};

Result<std::map<int, Applied>> ReadApplied(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows table,
                   connection.Query("SELECT to_regclass('pgvigil.schema_migration') IS NOT NULL"));
  std::map<int, Applied> applied;
  if (table.Bool(0, 0) != true) return applied;
  ASSIGN_OR_RETURN(const Rows rows, connection.Query("SELECT version, name, checksum"
                                                     " FROM pgvigil.schema_migration"));
  for (size_t row = 0; row < rows.size(); ++row) {
    applied[static_cast<int>(rows.Int(row, 0).value_or(0))] =
        Applied{std::string(rows.Text(row, 1)), std::string(rows.Text(row, 2))};
  }
  return applied;
}

Result<void> CheckApplied(const std::map<int, Applied>& applied,
                          const std::vector<Migration>& migrations) {
  const int known = migrations.empty() ? 0 : migrations.back().version;
  if (!applied.empty() && applied.rbegin()->first > known) {
    return Fail(
        ErrorCode::kInvalidInput,
        "the database has schema version {} ({}), this collector knows up to {}: install the "
        "newer collector",
        applied.rbegin()->first, applied.rbegin()->second.name, known);
  }
  for (const Migration& migration : migrations) {
    const auto found = applied.find(migration.version);
    if (found == applied.end()) continue;
    const std::string checksum = MigrationChecksum(migration);
    if (found->second.checksum != checksum) {
      return Fail(ErrorCode::kInvalidInput,
                  "migration {} ({}) was applied with checksum {}, this collector has {}: it was "
                  "changed after its release",
                  migration.version, migration.name, found->second.checksum, checksum);
    }
  }
  return {};
}

Result<void> Apply(Connection& connection, const Migration& migration) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  RETURN_IF_ERROR(connection.Execute(migration.sql));
  RETURN_IF_ERROR(connection.Query(
      "INSERT INTO pgvigil.schema_migration (version, name, checksum) VALUES ($1, $2, $3)",
      {std::to_string(migration.version), migration.name, MigrationChecksum(migration)}));
  return transaction.Commit();
}

Result<int> MigrateLocked(Connection& connection, const std::vector<Migration>& migrations) {
  ASSIGN_OR_RETURN(const auto applied, ReadApplied(connection));
  RETURN_IF_ERROR(CheckApplied(applied, migrations));
  int count = 0;
  for (const Migration& migration : migrations) {
    if (applied.contains(migration.version)) continue;
    if (count == 0 && applied.empty()) RETURN_IF_ERROR(connection.Execute(kBootstrap));
    if (Result<void> done = Apply(connection, migration); !done) {
      return tl::make_unexpected(std::move(done).error().With(
          fmt::format("migration {} ({})", migration.version, migration.name)));
    }
    count += 1;
  }
  return count;
}

}  // namespace

std::string MigrationChecksum(const Migration& migration) {
  const XXH128_hash_t hash = XXH3_128bits(migration.sql.data(), migration.sql.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<void> CheckSchema(Connection& connection, const std::vector<Migration>& migrations) {
  ASSIGN_OR_RETURN(const auto applied, ReadApplied(connection));
  RETURN_IF_ERROR(CheckApplied(applied, migrations));
  const int version = applied.empty() ? 0 : applied.rbegin()->first;
  if (version < migrations.back().version) {
    return Fail(ErrorCode::kUnavailable,
                "the database has schema version {}, this collector needs {}: one that stores has "
                "to start first",
                version, migrations.back().version);
  }
  return {};
}

Result<int> Migrate(Connection& connection, const std::vector<Migration>& migrations) {
  ASSIGN_OR_RETURN(const Rows encoding, connection.Query("SHOW server_encoding"));
  if (encoding.Text(0, 0) != "UTF8") {
    return Fail(ErrorCode::kInvalidInput, "the database's encoding is {}, it must be UTF8",
                encoding.Text(0, 0));
  }
  RETURN_IF_ERROR(
      connection.Query("SELECT pg_advisory_lock($1)", {std::to_string(kMigrationLock)}));
  Result<int> count = MigrateLocked(connection, migrations);
  // A lost connection has given the lock back already.
  if (connection.IsOpen()) {
    (void)connection.Query("SELECT pg_advisory_unlock($1)", {std::to_string(kMigrationLock)});
  }
  return count;
}

}  // namespace collector::storage
