#include "agent/postgres/diagnosis.h"

#include "shared/postgres/connection.h"

namespace agent::postgres {
namespace {

using pgvigil::v1::Capability;
using shared::Error;
using shared::postgres::QuoteIdentifier;

Capability Make(const SessionOptions& options, Capability::State state, std::string detail = {},
                std::string remedy = {}) {
  Capability out;
  out.set_name("postgres:" + options.target);
  out.set_state(state);
  out.set_detail(std::move(detail));
  out.set_remedy(std::move(remedy));
  return out;
}

std::string CreateRole(const SessionOptions& options) {
  const std::string role = QuoteIdentifier(options.user);
  return fmt::format("CREATE ROLE {} LOGIN; GRANT pg_monitor TO {};", role, role);
}

// Connection::Open puts the SQLSTATE behind "connect: " when a server answered.
std::string_view SqlstateOf(std::string_view message) {
  constexpr std::string_view kBefore = "connect: ";
  if (!message.starts_with(kBefore)) return {};
  message.remove_prefix(kBefore.size());
  return message.substr(0, message.find(' '));
}

std::string RemedyFor(const SessionOptions& options, const Error& error) {
  const std::string_view sqlstate = SqlstateOf(error.message);
  const std::string_view message = error.message;
  if (message.ends_with("is a superuser")) {
    return fmt::format("use a role of its own: {} or set allow_superuser = true",
                       CreateRole(options));
  }
  if (message.starts_with("search_path is ")) {
    return "connect to the server itself, not through a pooler";
  }
  if (message.find("pg_hba.conf") != std::string_view::npos) {
    return fmt::format(
        "add to pg_hba.conf: local {} {} peer (or scram-sha-256), then "
        "SELECT pg_reload_conf();",
        options.database, options.user);
  }
  if (sqlstate == "28P01" || message.find("password") != std::string_view::npos) {
    return fmt::format(
        "set the password of role {} in password_file; on the server: "
        "ALTER ROLE {} PASSWORD '…';",
        options.user, QuoteIdentifier(options.user));
  }
  if (message.find("Peer authentication failed") != std::string_view::npos) {
    return fmt::format(
        "peer wants a system user called {}: run the agent as that, or map its user in "
        "pg_ident.conf",
        options.user);
  }
  if (sqlstate == "28000") return CreateRole(options);
  if (sqlstate == "3D000") {
    return fmt::format("set database to one that exists: \"{}\" does not", options.database);
  }
  if (sqlstate == "53300") return "raise max_connections, or close sessions that are not needed";
  if (sqlstate == "57P03") return "wait: the server is starting up or shutting down";
  if (sqlstate == "42501") {
    return fmt::format("GRANT CONNECT ON DATABASE {} TO {};", QuoteIdentifier(options.database),
                       QuoteIdentifier(options.user));
  }
  const bool no_socket = message.find("No such file or directory") != std::string_view::npos;
  return fmt::format("check that PostgreSQL runs and that host \"{}\" and port {} are its own{}",
                     options.host, options.port,
                     no_socket ? "; a socket in /tmp is hidden from the service by PrivateTmp: see "
                                 "pgvigil-agent.service(8)"
                               : "");
}

std::string GrantMonitor(const SessionOptions& options) {
  return fmt::format("GRANT pg_monitor TO {};", QuoteIdentifier(options.user));
}

}  // namespace

Capability DiagnoseFailure(const SessionOptions& options, const Error& error) {
  return Make(options, Capability::STATE_FAILED, error.message, RemedyFor(options, error));
}

Capability DiagnoseSession(const SessionOptions& options, const SessionFacts& facts) {
  if (facts.pg_monitor) return Make(options, Capability::STATE_OK);
  return Make(options, Capability::STATE_DEGRADED,
              fmt::format("role \"{}\" is not a member of pg_monitor: other roles' sessions, "
                          "replication and log settings stay hidden",
                          facts.role),
              GrantMonitor(options));
}

Capability DiagnoseView(const SessionOptions& options, std::string_view view, const Error& error) {
  const bool denied = error.code == shared::ErrorCode::kPermissionDenied;
  return Make(options, Capability::STATE_DEGRADED, fmt::format("{}: {}", view, error.message),
              denied ? GrantMonitor(options) : "");
}

}  // namespace agent::postgres
