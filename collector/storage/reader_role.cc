#include "collector/storage/reader_role.h"

#include "collector/storage/lock_keys.h"

namespace collector::storage {

using shared::Result;
using shared::postgres::Rows;

Result<std::string> GrantReader(shared::postgres::Connection& connection) {
  // Two that grant on one view at the same time would meet in the catalogue.
  ASSIGN_OR_RETURN(const std::vector<Rows> rows,
                   connection.PipelineAtomic(
                       {{"SELECT pg_advisory_xact_lock($1)", {std::to_string(kMigrationLock)}},
                        {"SELECT pgvigil.grant_reader()", {}}}));
  return std::string(rows.back().Text(0, 0));
}

}  // namespace collector::storage
