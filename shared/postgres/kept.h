#pragma once

#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace shared::postgres {

// A statement of a pipeline that the connection may keep.
struct KeptStatement {
  Statement statement;
  // The connection prepares it when it first meets its text and keeps it for its life: the server
  // parses it once, and plans it as often as plan_cache_mode says. Nothing forgets it: only for
  // texts that are always the same.
  bool is_kept = true;
};

// Connection::PipelineAtomic of such: one round trip, all or none, the first error. A statement
// that cannot be prepared fails as it would have failed alone.
Result<std::vector<Rows>> PipelineKept(Connection& connection,
                                       const std::vector<KeptStatement>& statements);

// Connection::Query of one.
Result<Rows> QueryKept(Connection& connection, std::string_view sql,
                       std::vector<Parameter> parameters);

}  // namespace shared::postgres
