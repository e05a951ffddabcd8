#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/model/labels.h"
#include "shared/postgres/connection.h"

namespace agent::postgres {

// Which server a connection leads to; read at every connect, for behind the same address another
// server may answer after a fail-over.
struct InstanceIdentity {
  std::string name;                // the target's name in the configuration: "main"
  uint64_t system_identifier = 0;  // pg_control_system(): made by initdb, kept by its standbys
  uint16_t port = 0;               // what the server listens on, not what a pooler shows
  int server_version = 0;          // server_version_num: 150018
  std::string version;             // server_version: "15.18 (Debian 15.18-0+deb12u1)"
  std::string data_directory;      // "" without pg_read_all_settings
  std::string cluster_name;        // the setting; often ""
  shared::WallTime start_time;     // pg_postmaster_start_time()
  bool in_recovery = false;        // a standby, or recovering from a backup
};

// What every series of this instance carries: postgresql.system_identifier (decimal; not before the
// server has told it), postgresql.target, server.port; sorted by name.
shared::model::Labels CommonLabels(const InstanceIdentity& identity);

// Where and how the server writes its log, as its settings say; the log tailer follows these. Empty
// strings where the role may not read the setting (it needs pg_read_all_settings).
struct LogSettings {
  std::string data_directory;   // log_directory is relative to it
  std::string log_destination;  // "stderr", "jsonlog", "csvlog,stderr" …
  bool logging_collector = false;
  std::string log_directory;     // "log", "/var/log/postgresql"
  std::string log_filename;      // "postgresql-%Y-%m-%d_%H%M%S.log"
  std::string log_line_prefix;   // "%m [%p] %q%u@%d "
  std::string log_timezone;      // "Etc/UTC"
  std::string lc_messages;       // "en_US.UTF-8": in which language the messages are
  std::string current_logfiles;  // pg_current_logfile(), relative or absolute; "" without collector
  friend bool operator==(const LogSettings&, const LogSettings&) = default;
};

// Told after each connect and about once a minute when something changed. Runs on the target's
// thread: copy and return.
using LogSettingsCallback = std::function<void(const InstanceIdentity&, const LogSettings&)>;

// Polls pg_stat_statements on the target's thread and connection. Declared here by who calls it;
// agent/postgres/statements/ implements it.
class StatementPoller {
 public:
  virtual ~StatementPoller() = default;
  // One round. The connection is open, read-only and has the target's guard settings (search_path
  // pg_catalog, statement_timeout, lock_timeout). A poller reports its own capability,
  // "pg_stat_statements:<target>"; when it fails, the target reports the error there. An error that
  // closed the connection makes the target reconnect, any other costs this round only.
  virtual shared::Result<void> Poll(shared::postgres::Connection& connection,
                                    const InstanceIdentity& identity) = 0;
  // Time between rounds; asked before each.
  [[nodiscard]] virtual std::chrono::milliseconds interval() const = 0;
};

}  // namespace agent::postgres
