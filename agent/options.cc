#include "agent/options.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace agent {
namespace {

bool IsSocket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

std::string SocketDirectory(uint16_t port) {
  for (const std::string_view directory : config::kSocketDirectories) {
    if (IsSocket(fmt::format("{}/.s.PGSQL.{}", directory, port))) return std::string(directory);
  }
  return std::string(config::kSocketDirectories[0]);
}

}  // namespace

postgres::SessionOptions SessionOptionsOf(const config::PostgresTarget& target) {
  postgres::SessionOptions options;
  options.target = target.name;
  options.host = target.host.empty() ? SocketDirectory(target.port) : target.host;
  options.port = target.port;
  options.user = target.user;
  options.database = target.database;
  options.password = target.password;
  options.sslmode = target.sslmode;
  options.sslrootcert = target.sslrootcert;
  options.statement_timeout = target.statement_timeout;
  options.lock_timeout = target.lock_timeout;
  options.allow_superuser = target.allow_superuser;
  return options;
}

host::HostOptions HostOptionsOf(const config::AgentConfig& config) {
  host::HostOptions options;
  options.proc_root = config.agent.proc_root;
  options.sys_root = config.agent.sys_root;
  options.ignored_disks = config.host.ignore_devices;
  options.ignored_interfaces = config.host.ignore_interfaces;
  options.ignored_filesystem_types = config.host.ignore_filesystem_types;
  options.ignored_mountpoints = config.host.ignore_mount_points;
  options.per_cpu = config.host.per_cpu;
  options.interval = config.host.interval;
  return options;
}

shared::http::ClientConfig ClientConfigOf(const config::CollectorLink& link) {
  shared::http::ClientConfig client;
  client.tls.ca_file = link.ca_file;
  client.tls.cert_file = link.cert_file;
  client.tls.key_file = link.key_file;
  client.tls.verify = link.verify;
  client.request_timeout = link.timeout;
  client.connect_timeout = std::min(client.connect_timeout, link.timeout);
  client.proxy = link.proxy;
  client.user_agent = "pgvigil-agent";
  return client;
}

std::string SyslogPathOf(const config::Syslog& syslog) {
  if (!syslog.enabled) return {};
  if (!syslog.path.empty()) return syslog.path;
  for (const char* path : {"/var/log/syslog", "/var/log/messages"}) {
    if (::access(path, F_OK) == 0) return path;
  }
  return {};
}

}  // namespace agent
