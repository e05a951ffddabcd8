#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/postgres/statements/reading.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace agent::postgres::statements {

// How pg_stat_statements stands in the database that a connection leads to.
struct Extension {
  bool loaded = false;            // in shared_preload_libraries
  std::string preload_libraries;  // that setting; "" when empty or when the role may not read it
  std::string version;            // pg_extension.extversion, "1.10"; "" when not created here
  std::string available_version;  // what CREATE EXTENSION would create; "" when not installed
  std::string schema;             // where it lives
  bool enters_schema = true;      // our role has USAGE on it
  std::string database;           // this one
  std::string role;               // ours
  bool reads_all = false;         // member of pg_read_all_stats
  bool computes_query_id = true;  // compute_query_id is not off
  bool tracks = true;             // pg_stat_statements.track is not none
  uint32_t entries_max = 0;       // pg_stat_statements.max
};

// One statement, one row; every role may run it.
shared::Result<Extension> ReadExtension(shared::postgres::Connection& connection);

// "1.10" → 10; -1 for what is no version 1.x.
int ExtensionMinor(std::string_view version);

// What stands in the way of using it, and the command that helps; both "" when nothing does.
struct Advice {
  bool usable = true;  // false: it cannot be read at all
  std::string problem;
  std::string remedy;
};
// Pure. The gravest problem only: its remedy comes first anyway.
Advice Advise(const Extension& extension);

// Reads all entries of an extension that is usable. The epoch is read before and after in the same
// round trip; a reset in between would leave it unknown which of the two the counters belong to, so
// all is read again then, three times at most (kUnavailable).
shared::Result<Reading> ReadCounters(shared::postgres::Connection& connection,
                                     const Extension& extension);

}  // namespace agent::postgres::statements
