#pragma once

#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/postgres/connection.h"

// The schema, as SQL files that are applied once, in order, for ever: migrations/NNNN_what.sql. A
// file that was released is never edited; what must change is a new file.
namespace collector::storage {

struct Migration {
  int version = 0;   // 1, 2, 3 …
  std::string name;  // "catalogue"
  std::string sql;   // statements without BEGIN and COMMIT
};

// migrations/*.sql, embedded when the program is built.
const std::vector<Migration>& EmbeddedMigrations();

// 32 hexadecimal digits over the SQL (XXH3-128).
std::string MigrationChecksum(const Migration& migration);

// Brings the database to the newest of `migrations` (ascending, without holes) and returns how many
// were applied. Each is one transaction together with its row in pgvigil.schema_migration; an
// advisory lock makes others wait, who then find nothing to do. Needs CREATE only when there is
// something to do. kInvalidInput, with nothing changed:
//   the database has schema version 9, this collector knows up to 4: install the newer collector
//   migration 2 (metrics) was applied with checksum ab…, this collector has cd…: it was changed
//   after its release
//   the database's encoding is LATIN1, it must be UTF8
shared::Result<int> Migrate(shared::postgres::Connection& connection,
                            const std::vector<Migration>& migrations);

// For who only reads: whether the database is at the newest of `migrations`. Changes nothing.
// kUnavailable: it is not there yet, a collector that stores brings it up. kInvalidInput as above.
shared::Result<void> CheckSchema(shared::postgres::Connection& connection,
                                 const std::vector<Migration>& migrations);

}  // namespace collector::storage
