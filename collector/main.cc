#include <google/protobuf/stubs/logging.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "collector/collector.h"
#include "collector/config/collector_config.h"
#include "collector/dead_letters_command.h"
#include "collector/keys_command.h"
#include "collector/part_options.h"
#include "collector/support_command.h"
#include "shared/base/exit_code.h"
#include "shared/base/pid_file.h"
#include "shared/base/service_notifier.h"
#include "shared/base/signals.h"
#include "shared/base/version.h"
#include "shared/config/command.h"
#include "shared/config/url.h"
#include "shared/http/health_check.h"
#include "shared/log/log.h"

namespace {

using collector::config::CollectorConfig;
using collector::config::LoadCollectorConfig;
using shared::ExitCode;
using LoadedConfig = shared::config::Loaded<CollectorConfig>;

constexpr std::chrono::seconds kStopDeadline{60};
constexpr const char* kDefaultConfig = "/etc/pgvigil-collector/collector.toml";

struct Options {
  std::string config = kDefaultConfig;
  std::string pid_file;
  std::string health_url;
  std::string key_file;
  shared::http::TlsConfig health_tls;
  std::vector<std::string> roles;  // instead of the configured ones
  bool json = false;
  collector::DeadLettersRequest dead;
  collector::KeysRequest keys;
};

LoadedConfig Load(const Options& options) {
  return LoadCollectorConfig(options.config, shared::config::ReadEnvironment(), options.roles);
}

// SIGHUP: only the log level and what is in the files of [http.tls] change while it runs;
// everything else says so. Returns what systemctl status shows.
std::string Reload(const Options& options, const LoadedConfig& current,
                   collector::Collector& running) {
  if (const auto reloaded = running.ReloadTls(); !reloaded) {
    shared::log::Error("reload: {}; the certificate loaded before stays in use",
                       reloaded.error().message);
    return "the certificate was refused, see the log";
  }
  const LoadedConfig again = Load(options);
  if (!again.ok()) {
    shared::log::Error("reload: the configuration is wrong, the old one stays in effect:\n{}",
                       again.problems.ToText());
    return "the last reload was refused, see the log";
  }
  shared::log::SetLevel(again.config.log.level);
  CollectorConfig comparable = again.config;
  comparable.log.level = current.config.log.level;
  const std::string outcome = comparable == current.config
                                  ? "done"
                                  : "the log level is in effect; the other changes need a restart";
  shared::log::Info("reload: {}", outcome);
  return outcome;
}

// Waits for a signal; meanwhile the watchdog hears of progress, and of nothing else.
int WaitForSignal(const shared::SignalSet& signals, collector::Collector& running,
                  shared::ServiceNotifier& notifier) {
  while (true) {
    const auto period = notifier.alive_period();
    const int signal = signals.Wait(period.value_or(std::chrono::hours(1)));
    if (signal != 0) return signal;
    if (!period) continue;
    if (const auto alive = running.CheckAlive(); alive) {
      notifier.Alive();
    } else {
      shared::log::Error("{}: systemd will end this process", alive.error().message);
    }
  }
}

int Run(const Options& options) {
  const shared::SignalSet signals{SIGTERM, SIGINT, SIGHUP};
  LoadedConfig loaded = Load(options);
  if (!loaded.ok()) {
    fmt::print(stderr, "{}", loaded.problems.ToText());
    return shared::kExitConfig;
  }
  shared::log::Init(loaded.config.log.level, loaded.config.log.format);
  auto pid_file = shared::PidFile::Write(options.pid_file);
  if (!pid_file) {
    shared::log::Error("{}", pid_file.error().message);
    return shared::kExitPermission;
  }
  auto notifier = shared::ServiceNotifier::FromEnvironment();
  if (!notifier) {
    shared::log::Error("{}", notifier.error().message);
    return shared::kExitUnavailable;
  }
  auto started = collector::Collector::Start(loaded.config);
  if (!started) {
    shared::log::Error("{}", started.error().message);
    return shared::StartFailureExit(started.error());
  }
  const std::string where =
      shared::config::FormatListenAddress(loaded.config.http.listen) +
      (collector::ServerConfigOf(loaded.config).loopback_first ? " (needs an API key to exist)"
                                                               : "");
  notifier->Ready("listens on " + where);
  while (WaitForSignal(signals, **started, *notifier) == SIGHUP) {
    notifier->Reloading();
    const std::string outcome = Reload(options, loaded, **started);
    notifier->Ready(fmt::format("listens on {}; reload: {}", where, outcome));
  }
  notifier->Stopping();
  shared::log::Info("stopping");
  signals.ReleaseForEnd(kStopDeadline);
  (*started)->Stop();
  return shared::kExitOk;
}

int RunHealthCheck(const Options& options) {
  std::string url = options.health_url;
  shared::http::TlsConfig tls = options.health_tls;
  if (url.empty()) {
    const LoadedConfig loaded = Load(options);
    collector::OwnAddress own = collector::OwnAddressOf(loaded.config.http);
    url = own.url + "/readyz";
    tls = std::move(own.tls);
  }
  return shared::http::RunHealthCheck(url, tls);
}

int PrintVersion(const Options& options) {
  if (options.json) {
    fmt::print("{{\"version\":\"{}\",\"commit\":\"{}\"}}\n", shared::kVersion, shared::kCommit);
  } else {
    fmt::print("pgvigil-collector {} ({})\n", shared::kVersion, shared::kCommit);
  }
  return shared::kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  google::protobuf::SetLogHandler(nullptr);  // a peer's bad bytes are our error message, not its
  Options options;
  CLI::App app{"pgvigil-collector: receives, stores and answers for a fleet of PostgreSQL hosts"};
  app.require_subcommand(1);
  const auto add_config = [&](CLI::App* command) {
    command->add_option("--config,-c", options.config, "configuration file")->capture_default_str();
  };
  const auto add_json = [&](CLI::App* command) {
    command->add_flag("--json", options.json, "write JSON");
  };
  CLI::App* run = app.add_subcommand("run", "run until SIGTERM or SIGINT");
  add_config(run);
  run->add_option("--role", options.roles, "what this process does: ingest, store, query")
      ->delimiter(',')
      ->check(CLI::IsMember({"ingest", "store", "query"}));
  run->add_option("--pid-file", options.pid_file, "write the process number here");
  CLI::App* config = app.add_subcommand("config", "look at the configuration");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand("check", "name everything that is wrong with it");
  CLI::App* show =
      config->add_subcommand("show", "print what is in effect and where it comes from");
  for (CLI::App* command : {check, show}) {
    add_config(command);
    add_json(command);
  }
  CLI::App* dead = app.add_subcommand("dead-letters", "records from Kafka that were not stored");
  dead->require_subcommand(1);
  CLI::App* dead_list = dead->add_subcommand("list", "print those that wait");
  CLI::App* dead_replay =
      dead->add_subcommand("replay", "send them to their topics again, after a fix");
  for (CLI::App* command : {dead_list, dead_replay}) {
    add_config(command);
    command->add_option("--reason", options.dead.reason, "only those with this reason");
    command->add_option("--limit", options.dead.limit, "at most so many")->capture_default_str();
  }
  dead_list->add_flag("--json", options.dead.json, "a JSON object a line");
  CLI::App* keys = app.add_subcommand("keys", "API keys: who may send and ask");
  keys->require_subcommand(1);
  CLI::App* keys_create = keys->add_subcommand("create", "make one and print it, this once");
  CLI::App* keys_list = keys->add_subcommand("list", "print who has one");
  CLI::App* keys_revoke = keys->add_subcommand("revoke", "refuse one from now on");
  for (CLI::App* command : {keys_create, keys_list, keys_revoke}) add_config(command);
  keys_create->add_option("--name", options.keys.name, "whose it is, for people")->required();
  keys_create->add_option("--scope", options.keys.scopes, "what it is for: ingest, query, admin")
      ->delimiter(',')
      ->required();
  keys_create->add_option("--tenant", options.keys.tenant, "whose data; made when it is new")
      ->capture_default_str();
  keys_create->add_option("--expires", options.keys.expires,
                          "after which time (90d), or at which (2027-01-31T00:00:00Z)");
  keys_create->add_option("--cidr", options.keys.networks, "only from these addresses: 10.0.0.0/8")
      ->delimiter(',');
  keys_list->add_flag("--all", options.keys.all, "those that are revoked or expired, too");
  keys_list->add_flag("--json", options.keys.json, "a JSON object a line");
  keys_revoke->add_option("id", options.keys.id, "of the key, as keys list prints it")->required();
  CLI::App* health =
      app.add_subcommand("healthcheck", "ask a running collector whether it is ready");
  add_config(health);
  health->add_option("--url", options.health_url, "instead of the configured address");
  auto* health_cert = health->add_option("--cert-file", options.health_tls.cert_file,
                                         "client certificate (PEM) where the collector wants one");
  auto* health_key = health->add_option("--key-file", options.health_tls.key_file, "its key");
  health_cert->needs(health_key);
  health_key->needs(health_cert);
  CLI::App* support =
      app.add_subcommand("support-bundle", "print what helps whoever helps; no secrets");
  add_config(support);
  support->add_option("--key-file", options.key_file, "an API key for /metrics: scope admin");
  CLI::App* version = app.add_subcommand("version", "print the version");
  add_json(version);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? shared::kExitOk : shared::kExitUsage;
  }
  if (run->parsed()) return Run(options);
  if (health->parsed()) return RunHealthCheck(options);
  if (version->parsed()) return PrintVersion(options);
  const LoadedConfig loaded = Load(options);
  if ((dead->parsed() || keys->parsed()) && !loaded.ok()) {
    fmt::print(stderr, "{}", loaded.problems.ToText());
    return shared::kExitConfig;
  }
  if (keys_create->parsed()) return collector::CreateKey(loaded.config, options.keys);
  if (keys_list->parsed()) return collector::ListKeys(loaded.config, options.keys);
  if (keys_revoke->parsed()) return collector::RevokeKey(loaded.config, options.keys);
  if (dead->parsed()) {
    return dead_list->parsed() ? collector::ListDeadLetters(loaded.config, options.dead)
                               : collector::ReplayDeadLetters(loaded.config, options.dead);
  }
  if (support->parsed()) {
    return collector::PrintSupportBundle(loaded.config, loaded.problems, loaded.settings,
                                         options.key_file);
  }
  if (check->parsed()) {
    return shared::config::RunConfigCheck(loaded.problems, options.config.c_str(), options.json);
  }
  return shared::config::RunConfigShow(loaded.problems, loaded.settings, options.json);
}
