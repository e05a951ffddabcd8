#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/secret.h"
#include "shared/config/environment.h"
#include "shared/config/loading.h"
#include "shared/config/url.h"
#include "shared/log/log.h"

// The agent's configuration: TOML, /etc/pgvigil-agent/agent.toml and conf.d/*.toml beside it. Each
// struct is a section, each member the key of the same name (less the unit in the name:
// `record_limit_bytes` is the key record_limit), the initial value its default. agent.toml.example
// shows every key. Only collector.url must be set.
namespace agent::config {

// Where a PostgreSQL on this host may have its socket.
inline constexpr std::string_view kSocketDirectories[] = {"/run/postgresql", "/var/run/postgresql",
                                                          "/tmp"};

// [collector]
struct CollectorLink {
  std::string url;         // http or https, without a '/' at its end; required
  shared::Secret api_key;  // or api_key_file
  std::string ca_file;     // PEM; "": the system's authorities
  std::string cert_file;   // PEM, the client certificate for mutual TLS, with key_file
  std::string key_file;
  bool verify = true;                         // the collector's certificate and name
  std::chrono::milliseconds timeout{30'000};  // of one request, all together
  std::string proxy;  // http, https or socks5 URL; "": none. May hold a password
  bool operator==(const CollectorLink&) const = default;
};

// [agent]
struct Program {
  std::string state_dir = "/var/lib/pgvigil-agent";
  std::string host_name;  // "": the kernel's
  shared::log::Level log_level = shared::log::Level::kInfo;
  shared::log::Format log_format = shared::log::Format::kText;
  std::string proc_root = "/proc";
  std::string sys_root = "/sys";
  std::chrono::milliseconds shutdown_timeout{10'000};  // SIGTERM until the agent exits
  std::map<std::string, std::string> labels;           // more resource attributes: {"env", "prod"}
  bool operator==(const Program&) const = default;
};

// [metrics]
struct Metrics {
  // How long samples are gathered into one block. The first round after the start goes at once.
  std::chrono::milliseconds batch{30'000};
  bool operator==(const Metrics&) const = default;
};

// [host]. The ignore lists are globs: '*' is any text, '?' any character.
struct Host {
  bool enabled = true;
  std::chrono::milliseconds interval{10'000};
  std::vector<std::string> ignore_filesystem_types = {
      "autofs",     "binfmt_misc", "bpf",      "cgroup", "cgroup2", "configfs",  "debugfs",
      "devpts",     "devtmpfs",    "efivarfs", "fuse.*", "fusectl", "hugetlbfs", "iso9660",
      "mqueue",     "nsfs",        "overlay",  "proc",   "pstore",  "ramfs",     "rpc_pipefs",
      "securityfs", "selinuxfs",   "squashfs", "sysfs",  "tracefs"};
  std::vector<std::string> ignore_mount_points = {
      "/dev", "/proc/*", "/sys/*", "/run/*", "/var/lib/docker/*", "/var/lib/containers/*"};
  std::vector<std::string> ignore_devices = {"loop*", "ram*", "fd*", "sr*"};
  std::vector<std::string> ignore_interfaces = {"veth*"};
  bool per_cpu = true;  // CPU time of each CPU; false: only the sum
  bool operator==(const Host&) const = default;
};

// [postgres.statements], of the [[postgres]] before it: pg_stat_statements
struct Statements {
  bool enabled = true;
  std::chrono::milliseconds interval{30'000};        // counters, without texts
  std::chrono::milliseconds text_interval{600'000};  // texts of new statements
  uint64_t text_limit_bytes = 16 << 10;              // a longer text is cut
  uint64_t text_budget_bytes = 1 << 20;              // all texts of one text_interval
  bool operator==(const Statements&) const = default;
};

// [postgres.logs], of the [[postgres]] before it: its log files, found through current_logfiles
struct PostgresLogs {
  bool enabled = true;
  bool operator==(const PostgresLogs&) const = default;
};

// [[postgres]]: one for each cluster. Without any: one with all defaults.
struct PostgresTarget {
  std::string name = "main";  // a-z, 0-9, '-', '_'; unique
  bool enabled = true;
  std::string host;  // socket directory or address; "": the first kSocketDirectories with a socket
  uint16_t port = 5432;
  std::string user = "pgvigil";
  std::string database = "postgres";
  shared::Secret password;  // or password_file; "": ~/.pgpass, peer, certificate
  // As libpq's. Default by host: prefer for sockets and loopback, verify-full for other machines.
  std::string sslmode = "prefer";
  std::string sslrootcert;  // PEM; "": libpq's default
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds sizes_interval{300'000};  // database and relation sizes
  bool allow_superuser = false;                       // false: a superuser's session is refused
  std::chrono::milliseconds statement_timeout{5'000};
  std::chrono::milliseconds lock_timeout{100};
  Statements statements;
  PostgresLogs logs;
  bool operator==(const PostgresTarget&) const = default;
};

// [syslog]: the host's own log file
struct Syslog {
  bool enabled = true;
  std::string path;  // "": the first of /var/log/syslog and /var/log/messages that exists, or none
  bool operator==(const Syslog&) const = default;
};

// [spool]: what cannot be read again waits here for the collector
struct Spool {
  std::string directory;  // "": <state_dir>/spool; after loading never empty
  uint64_t metrics_limit_bytes = uint64_t{512} << 20;
  uint64_t statements_limit_bytes = uint64_t{256} << 20;
  uint64_t segment_size_bytes = uint64_t{4} << 20;
  bool operator==(const Spool&) const = default;
};

// [logs]: all log files
struct Logs {
  bool allow_literals = false;                      // true: constants in statements leave the host
  uint64_t record_limit_bytes = uint64_t{1} << 20;  // a longer record is cut
  uint64_t batch_size_bytes = uint64_t{256} << 10;  // sent when so many bytes have been read
  std::chrono::milliseconds batch_interval{1'000};  // or when so much time has passed
  uint64_t queue_size_bytes = uint64_t{4} << 20;    // read and not yet sent
  bool operator==(const Logs&) const = default;
};

// [status]: the agent's own page
struct Status {
  shared::config::ListenAddress listen;  // loopback only; address "": no port is opened
  bool operator==(const Status&) const = default;
};

struct AgentConfig {
  CollectorLink collector;
  Program agent;
  Metrics metrics;
  Host host;
  std::vector<PostgresTarget> postgres;  // after loading: one "main" when the file names none
  Syslog syslog;
  Spool spool;
  Logs logs;
  Status status;
  bool operator==(const AgentConfig&) const = default;
};

// Reads `path` and conf.d/*.toml beside it. Never fails halfway: use `config` only when ok(), else
// print `problems`.
shared::config::Loaded<AgentConfig> LoadAgentConfig(const std::string& path,
                                                    const shared::config::Environment& environment);
// The same from texts.
shared::config::Loaded<AgentConfig> ReadAgentConfig(
    const std::vector<shared::config::SourceFile>& files,
    const shared::config::Environment& environment);

}  // namespace agent::config
