#include "collector/storage/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::ConnectOptions;

// Longer than any group takes: it ends a call to a server that does not answer at all.
constexpr std::chrono::milliseconds kWriteDeadline = 90s;

}  // namespace

Result<Connection> OpenWriteSession(const ConnectOptions& options, std::string_view purpose) {
  ConnectOptions own = options;
  own.application_name = fmt::format("pgvigil-collector {}", purpose);
  own.settings.insert(own.settings.end(), {{"search_path", "pg_catalog"},
                                           {"timezone", "UTC"},
                                           {"statement_timeout", "60s"},
                                           {"lock_timeout", "10s"},
                                           {"idle_in_transaction_session_timeout", "60s"}});
  ASSIGN_OR_RETURN(Connection connection, Connection::Open(own));
  connection.SetDeadline(kWriteDeadline);
  RETURN_IF_ERROR(
      connection.Query("SELECT set_config('synchronous_commit', 'on', false)"
                       " WHERE current_setting('synchronous_commit') = 'off'"));
  return connection;
}

Result<Connection> OpenReadSession(const ConnectOptions& options,
                                   std::chrono::milliseconds connect_timeout) {
  ConnectOptions own = options;
  own.application_name = "pgvigil-collector reader";
  own.connect_timeout = std::min(own.connect_timeout, connect_timeout);
  own.settings.insert(own.settings.end(), {{"search_path", "pg_catalog"},
                                           {"timezone", "UTC"},
                                           {"default_transaction_read_only", "on"},
                                           {"jit", "off"}});
  return Connection::Open(own);
}

}  // namespace collector::storage
