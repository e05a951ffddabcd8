#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// Makes the role pgvigil_reader if it is missing and lets it read all views (SQL.md): once after
// migrations, which may bring views, and after a restore, which may have lost the role. Waits for
// another collector that is at it. Returns "", or what an administrator has to do, for people: the
// collector's own role need not be allowed to make roles.
shared::Result<std::string> GrantReader(shared::postgres::Connection& connection);

}  // namespace collector::storage
