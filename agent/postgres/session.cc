#include "agent/postgres/session.h"

namespace agent::postgres {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::ConnectOptions;

constexpr std::string_view kSearchPath = "pg_catalog";

std::string Milliseconds(std::chrono::milliseconds value) {
  return std::to_string(value.count()) + "ms";
}

}  // namespace

ConnectOptions GuardedOptions(const SessionOptions& options) {
  ConnectOptions out;
  const auto add = [&](std::string keyword, const std::string& value) {
    if (!value.empty()) out.keywords.emplace_back(std::move(keyword), value);
  };
  add("host", options.host);
  add("port", std::to_string(options.port));
  add("user", options.user);
  add("dbname", options.database);
  add("sslmode", options.sslmode);
  add("sslrootcert", options.sslrootcert);
  out.password = options.password;
  out.application_name = "pgvigil-agent";
  out.connect_timeout = options.connect_timeout;
  out.settings = {
      {"search_path", std::string(kSearchPath)},
      {"default_transaction_read_only", "on"},
      {"statement_timeout", Milliseconds(options.statement_timeout)},
      {"lock_timeout", Milliseconds(options.lock_timeout)},
      {"idle_in_transaction_session_timeout", "10s"},
      {"jit", "off"},
      {"max_parallel_workers_per_gather", "0"},
      {"client_min_messages", "error"},
      {"DateStyle", "ISO"},
      {"TimeZone", "UTC"},
  };
  return out;
}

Result<Session> OpenSession(const SessionOptions& options) {
  ASSIGN_OR_RETURN(Connection connection, Connection::Open(GuardedOptions(options)));
  // The server's own timeout comes first; this one is for a server or a network that is silent.
  connection.SetDeadline(2 * options.statement_timeout + std::chrono::seconds(1));
  ASSIGN_OR_RETURN(SessionFacts facts, ReadFacts(connection, options.target));
  if (facts.search_path != kSearchPath) {
    return Fail(ErrorCode::kInvalidInput,
                "search_path is {} instead of {}: something between here and the server drops "
                "startup settings",
                facts.search_path, kSearchPath);
  }
  if (facts.superuser && !options.allow_superuser) {
    return Fail(ErrorCode::kPermissionDenied, "role \"{}\" is a superuser", facts.role);
  }
  if (facts.identity.server_version >= 150000) {
    // Each statement reads the counters once: no need for a private copy of all of them.
    RETURN_IF_ERROR(
        connection.Execute("/* pgvigil: guard */ SET stats_fetch_consistency = 'none'"));
  }
  return Session{std::move(connection), std::move(facts)};
}

}  // namespace agent::postgres
