#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/postgres/instance.h"
#include "agent/postgres/table.h"
#include "shared/base/result.h"
#include "shared/base/secret.h"
#include "shared/postgres/connection.h"

namespace agent::postgres {

// How to reach a server and how carefully to treat it.
struct SessionOptions {
  std::string target = "main";  // its name in the configuration
  std::string host{};           // socket directory, name or address; "": libpq's default
  uint16_t port = 5432;
  std::string user = "pgvigil";
  std::string database = "postgres";
  shared::Secret password{};
  std::string sslmode{};      // libpq's; "": its default
  std::string sslrootcert{};  // PEM; "": libpq's default
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds statement_timeout{5'000};
  std::chrono::milliseconds lock_timeout{100};
  bool allow_superuser = false;
};

// What a server tells about itself and about our role in it.
struct SessionFacts {
  InstanceIdentity identity;
  LogSettings log;
  std::string role;
  std::string database;
  std::string search_path;  // as in force: the guard must have won
  bool superuser = false;
  bool pg_monitor = false;
};

// The statements whose answers ParseFacts takes, in this order: one row of facts, the settings by
// name, the current log file (fails without pg_monitor).
std::vector<shared::postgres::Statement> FactStatements();
// Pure. `current_log`: null when that statement failed. kMalformed: the row of facts is missing or
// lacks what every server has.
shared::Result<SessionFacts> ParseFacts(const std::string& target, const Table& facts,
                                        const Table& settings, const Table* current_log);
// Both, over a connection.
shared::Result<SessionFacts> ReadFacts(shared::postgres::Connection& connection,
                                       const std::string& target);

// libpq's options with the guard settings in the startup packet, where they beat what the role or
// the database sets: search_path pg_catalog, read-only, timeouts, no jit, no parallel workers.
shared::postgres::ConnectOptions GuardedOptions(const SessionOptions& options);

// A guarded session. Besides the errors of Connection::Open: kPermissionDenied for a superuser that
// is not allowed, kInvalidInput when a pooler in between has dropped the guard settings.
struct Session {
  shared::postgres::Connection connection;
  SessionFacts facts;
};
shared::Result<Session> OpenSession(const SessionOptions& options);

}  // namespace agent::postgres
