#include "agent/config/agent_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "shared/config/reader.h"
#include "shared/config/units.h"

namespace agent::config {
namespace {

using namespace std::chrono_literals;
using shared::config::Loading;
using shared::config::Reader;
using shared::config::StringRule;
using shared::config::UrlRule;

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

constexpr StringRule kPath{.allow_empty = false, .absolute_path = true};
constexpr StringRule kOptionalPath{.allow_empty = true, .absolute_path = true};
constexpr StringRule kOptional{.allow_empty = true};

void ReadCollector(Reader section, CollectorLink& out) {
  constexpr std::array<std::string_view, 2> kHttp = {"https", "http"};
  constexpr std::array<std::string_view, 4> kProxy = {"http", "https", "socks5", "socks5h"};
  section.HttpUrl("url", out.url,
                  UrlRule{.schemes = kHttp, .required = true, .refuse_placeholder = true});
  section.Secret("api_key", out.api_key);
  section.String("ca_file", out.ca_file, kOptionalPath);
  section.String("cert_file", out.cert_file, kOptionalPath);
  section.String("key_file", out.key_file, kOptionalPath);
  section.Bool("verify", out.verify);
  section.Duration("timeout", out.timeout, {.min = 1s, .max = 10min});
  section.HttpUrl("proxy", out.proxy, UrlRule{.schemes = kProxy, .allow_user = true});
  section.RejectUnknownKeys();
  if (out.cert_file.empty() != out.key_file.empty()) {
    const bool key_missing = out.key_file.empty();
    section.AddProblem(key_missing ? "cert_file" : "key_file",
                       fmt::format("needs {} beside it", key_missing ? "key_file" : "cert_file"));
  }
}

void ReadProgram(Reader section, Program& out) {
  using shared::log::Format;
  using shared::log::Level;
  constexpr std::pair<std::string_view, Level> kLevels[] = {{"debug", Level::kDebug},
                                                            {"info", Level::kInfo},
                                                            {"warn", Level::kWarn},
                                                            {"error", Level::kError}};
  section.String("state_dir", out.state_dir, kPath);
  section.String("host_name", out.host_name, kOptional);
  section.Enum<Level>("log_level", out.log_level, kLevels);
  constexpr std::pair<std::string_view, Format> kFormats[] = {
      {"text", Format::kText}, {"logfmt", Format::kLogfmt}, {"json", Format::kJson}};
  section.Enum<Format>("log_format", out.log_format, kFormats);
  section.String("proc_root", out.proc_root, kPath);
  section.String("sys_root", out.sys_root, kPath);
  section.Duration("shutdown_timeout", out.shutdown_timeout, {.min = 100ms, .max = 5min});
  section.StringMap("labels", out.labels);
  section.RejectUnknownKeys();
}

void ReadMetrics(Reader section, Metrics& out) {
  section.Duration("batch", out.batch, {.min = 1s, .max = 10min});
  section.RejectUnknownKeys();
}

void ReadHost(Reader section, Host& out) {
  section.Bool("enabled", out.enabled);
  section.Duration("interval", out.interval, {.min = 1s, .max = 1h});
  section.Strings("ignore_filesystem_types", out.ignore_filesystem_types);
  section.Strings("ignore_mount_points", out.ignore_mount_points);
  section.Strings("ignore_devices", out.ignore_devices);
  section.Strings("ignore_interfaces", out.ignore_interfaces);
  section.Bool("per_cpu", out.per_cpu);
  section.RejectUnknownKeys();
}

// A problem of `key` when it is below another duration of its section.
void CheckNotBelow(Reader& section, std::string_view key, std::chrono::milliseconds value,
                   std::string_view floor_key, std::chrono::milliseconds floor) {
  if (value >= floor) return;
  section.AddProblem(
      key, fmt::format("{} must not be below {} ({})", shared::config::FormatDuration(value),
                       floor_key, shared::config::FormatDuration(floor)));
}

void ReadStatements(Reader section, Statements& out) {
  section.Bool("enabled", out.enabled);
  section.Duration("interval", out.interval, {.min = 1s, .max = 1h});
  section.Duration("text_interval", out.text_interval, {.min = 10s, .max = 24h});
  section.Bytes("text_limit", out.text_limit_bytes, {.min = 256, .max = 1 * kMiB});
  section.Bytes("text_budget", out.text_budget_bytes, {.min = 64 * kKiB, .max = 64 * kMiB});
  section.RejectUnknownKeys();
  CheckNotBelow(section, "text_interval", out.text_interval, "interval", out.interval);
}

void ReadPostgresLogs(Reader section, PostgresLogs& out) {
  section.Bool("enabled", out.enabled);
  section.RejectUnknownKeys();
}

bool IsName(std::string_view name) {
  return name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char byte) {
           return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
                  byte == '_';
         });
}

bool IsThisMachine(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host.starts_with("127.") || host == "::1";
}

void ReadTarget(Reader& section, PostgresTarget& out) {
  constexpr std::array<std::string_view, 6> kSslModes = {"disable", "allow",     "prefer",
                                                         "require", "verify-ca", "verify-full"};
  section.String("name", out.name);
  section.Bool("enabled", out.enabled);
  section.String("host", out.host, kOptional);
  section.Integer("port", out.port, {.min = 1, .max = 65535});
  section.String("user", out.user);
  section.String("database", out.database);
  section.Secret("password", out.password);
  if (!IsThisMachine(out.host)) out.sslmode = "verify-full";
  section.Choice("sslmode", out.sslmode, kSslModes);
  section.String("sslrootcert", out.sslrootcert, kOptionalPath);
  section.Duration("interval", out.interval, {.min = 1s, .max = 1h});
  section.Duration("sizes_interval", out.sizes_interval, {.min = 10s, .max = 24h});
  section.Bool("allow_superuser", out.allow_superuser);
  section.Duration("statement_timeout", out.statement_timeout, {.min = 10ms, .max = 5min});
  section.Duration("lock_timeout", out.lock_timeout, {.min = 1ms, .max = 1min});
  ReadStatements(section.Section("statements"), out.statements);
  ReadPostgresLogs(section.Section("logs"), out.logs);
  section.RejectUnknownKeys();
  if (!IsName(out.name)) {
    section.AddProblem("name", fmt::format("'{}' cannot be a name", out.name),
                       "use up to 64 of a-z, 0-9, '-' and '_'");
  }
  CheckNotBelow(section, "sizes_interval", out.sizes_interval, "interval", out.interval);
}

std::vector<PostgresTarget> ReadTargets(Reader& root) {
  std::vector<PostgresTarget> out;
  std::set<std::string> names;
  for (Reader& section : root.Sections("postgres")) {
    PostgresTarget& target = out.emplace_back();
    ReadTarget(section, target);
    if (!names.insert(target.name).second) {
      section.AddProblem("name",
                         fmt::format("'{}' is the name of another [[postgres]]", target.name),
                         "give each a name of its own");
    }
  }
  return out;
}

void ReadSyslog(Reader section, Syslog& out) {
  section.Bool("enabled", out.enabled);
  section.String("path", out.path, kOptionalPath);
  section.RejectUnknownKeys();
}

void ReadSpool(Reader section, const std::string& state_dir, Spool& out) {
  out.directory = state_dir + "/spool";
  section.String("directory", out.directory, kPath);
  section.Bytes("metrics_limit", out.metrics_limit_bytes, {.min = 1 * kMiB, .max = 1024 * kGiB});
  section.Bytes("statements_limit", out.statements_limit_bytes,
                {.min = 1 * kMiB, .max = 1024 * kGiB});
  section.Bytes("segment_size", out.segment_size_bytes, {.min = 64 * kKiB, .max = 256 * kMiB});
  section.RejectUnknownKeys();
  const uint64_t smallest = std::min(out.metrics_limit_bytes, out.statements_limit_bytes);
  if (out.segment_size_bytes > smallest / 2) {
    section.AddProblem("segment_size",
                       fmt::format("{} must be at most half of the smaller limit ({})",
                                   shared::config::FormatBytes(out.segment_size_bytes),
                                   shared::config::FormatBytes(smallest)));
  }
}

void ReadLogs(Reader section, Logs& out) {
  section.Bool("allow_literals", out.allow_literals);
  section.Bytes("record_limit", out.record_limit_bytes, {.min = 1 * kKiB, .max = 16 * kMiB});
  section.Bytes("batch_size", out.batch_size_bytes, {.min = 4 * kKiB, .max = 8 * kMiB});
  section.Duration("batch_interval", out.batch_interval, {.min = 50ms, .max = 1min});
  section.Bytes("queue_size", out.queue_size_bytes, {.min = 64 * kKiB, .max = 256 * kMiB});
  section.RejectUnknownKeys();
  if (out.queue_size_bytes < out.batch_size_bytes) {
    section.AddProblem("queue_size",
                       fmt::format("{} must not be below batch_size ({})",
                                   shared::config::FormatBytes(out.queue_size_bytes),
                                   shared::config::FormatBytes(out.batch_size_bytes)));
  }
}

void ReadStatus(Reader section, Status& out) {
  section.Listen("listen", out.listen, /*loopback_only=*/true);
  section.RejectUnknownKeys();
}

}  // namespace

shared::config::Loaded<AgentConfig> ReadAgentConfig(
    const std::vector<shared::config::SourceFile>& files,
    const shared::config::Environment& environment) {
  Loading loading(files, environment);
  Reader root(loading);
  AgentConfig out;
  ReadCollector(root.Section("collector"), out.collector);
  ReadProgram(root.Section("agent"), out.agent);
  ReadMetrics(root.Section("metrics"), out.metrics);
  ReadHost(root.Section("host"), out.host);
  out.postgres = ReadTargets(root);
  ReadSyslog(root.Section("syslog"), out.syslog);
  ReadSpool(root.Section("spool"), out.agent.state_dir, out.spool);
  ReadLogs(root.Section("logs"), out.logs);
  ReadStatus(root.Section("status"), out.status);
  root.RejectUnknownKeys();
  return {std::move(out), std::move(loading.problems), std::move(loading.settings)};
}

shared::config::Loaded<AgentConfig> LoadAgentConfig(
    const std::string& path, const shared::config::Environment& environment) {
  return ReadAgentConfig(shared::config::ReadSourceFiles(path), environment);
}

}  // namespace agent::config
