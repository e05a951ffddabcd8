#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "pgvigil/v1/statements.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace agent::postgres::statements {

// The names of the databases and roles that statements belong to, asked for when an unknown oid
// comes up and again every ten minutes, for names change. One thread.
class Names {
 public:
  // The clock must outlive it.
  explicit Names(const shared::Clock& clock) : clock_(clock) {}

  // Adds to `interval` the names of all dbid and userid values in its deltas; "" for what is gone.
  shared::Result<void> AddTo(shared::postgres::Connection& connection,
                             pgvigil::v1::StatementInterval& interval);

 private:
  const shared::Clock& clock_;
  shared::MonotonicTime valid_until_{};
  std::map<uint32_t, std::string> databases_;
  std::map<uint32_t, std::string> roles_;
};

}  // namespace agent::postgres::statements
