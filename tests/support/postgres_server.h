#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/postgres/connection.h"

namespace tests {

struct PostgresServerOptions {
  // postgresql.conf: {"shared_preload_libraries", "pg_stat_statements"}. Beat the fixture's own.
  std::vector<std::pair<std::string, std::string>> settings{};
  // Lines that stand instead of "local all all trust" (and, with tcp, of 127.0.0.1 trust).
  std::vector<std::string> hba{};
  bool fsync = false;  // true: a crash of the machine would be survived too, at the price of time
  bool tcp = false;    // listen on 127.0.0.1, on a free port
};

// A real PostgreSQL of its own in a temporary directory, with its own socket directory: servers of
// tests that run at once do not meet. The first one in a process runs initdb, the others are copies
// of it (and share its system identifier). Superuser "postgres", no password, UTF-8, C.UTF-8.
// Stopped and removed with the object; dies with the process that made it.
//
// Binaries: $PGVIGIL_PG_BIN, else /usr/lib/postgresql/15/bin. When the test runs as root the server
// runs as user "postgres". What the fixture cannot do ends the test program with a message on
// standard error.
//
//   const tests::PostgresServer server({.settings = {{"wal_level", "logical"}}});
//   Connection connection = server.Connect();
class PostgresServer {
 public:
  explicit PostgresServer(PostgresServerOptions options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Where to connect as superuser, or as `user`.
  [[nodiscard]] shared::postgres::ConnectOptions Options(std::string_view database = "postgres",
                                                         std::string_view user = "postgres") const;
  [[nodiscard]] shared::postgres::Connection Connect(std::string_view database = "postgres",
                                                     std::string_view user = "postgres") const;
  // Runs SQL as superuser over a connection of its own; it must succeed.
  void Execute(std::string_view sql, std::string_view database = "postgres") const;

  void Stop();   // "fast": sessions are ended, a checkpoint is written
  void Kill9();  // the postmaster and all its backends at once, as the kernel's OOM killer might
  void Start();  // again, on the same data; recovers after Kill9. Ready when it returns
  // A streaming standby of this server, through its replication slot `slot` (which exists).
  [[nodiscard]] std::unique_ptr<PostgresServer> MakeStandby(const std::string& slot,
                                                            const std::string& conninfo) const;
  // Lets no process of the server run, so that connections hang instead of failing; and again.
  void Freeze();
  void Thaw();

  [[nodiscard]] const std::string& socket_directory() const { return directory_; }
  [[nodiscard]] std::string data_directory() const { return directory_ + "/data"; }
  [[nodiscard]] uint16_t port() const { return port_; }
  // What the server wrote to standard error, when it does not collect its log itself.
  [[nodiscard]] std::string Log() const;

 private:
  struct WithoutData {};
  PostgresServer(PostgresServerOptions options, WithoutData);
  void WriteSettings() const;
  [[nodiscard]] std::vector<pid_t> Processes() const;
  void WaitUntilReady();

  const PostgresServerOptions options_;
  std::string directory_;
  uint16_t port_ = 5432;  // of the socket's name; a TCP port only with options.tcp
  pid_t postmaster_ = -1;
};

}  // namespace tests
