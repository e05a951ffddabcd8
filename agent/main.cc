#include <google/protobuf/stubs/logging.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "agent/agent.h"
#include "agent/config/agent_config.h"
#include "agent/doctor/doctor.h"
#include "agent/once/once.h"
#include "agent/support_command.h"
#include "shared/base/exit_code.h"
#include "shared/base/pid_file.h"
#include "shared/base/service_notifier.h"
#include "shared/base/signals.h"
#include "shared/base/version.h"
#include "shared/config/command.h"
#include "shared/http/health_check.h"
#include "shared/log/log.h"

namespace {

using agent::config::AgentConfig;
using agent::config::LoadAgentConfig;
using LoadedConfig = shared::config::Loaded<AgentConfig>;

constexpr std::chrono::seconds kStopGrace{15};
constexpr const char* kDefaultConfig = "/etc/pgvigil-agent/agent.toml";

struct Options {
  std::string config = kDefaultConfig;
  std::string pid_file;
  std::string health_url;
  bool json = false;
};

LoadedConfig Load(const Options& options) {
  return LoadAgentConfig(options.config, shared::config::ReadEnvironment());
}

// What systemctl status shows.
std::string StatusOf(const AgentConfig& config, std::string_view note = {}) {
  return fmt::format("collector {}{}", config.collector.url, note);
}

// SIGHUP: validates first; a configuration that is wrong, or that cannot start, changes nothing.
// The parts are stopped and built anew: what waits is in the spool and the log files. False: it was
// refused.
bool Reload(const Options& options, AgentConfig& current, std::unique_ptr<agent::Agent>& running) {
  const LoadedConfig loaded = Load(options);
  if (!loaded.ok()) {
    shared::log::Error("reload: the configuration is wrong, the old one stays in effect");
    fmt::print(stderr, "{}", loaded.problems.ToText());
    return false;
  }
  running->Stop();
  running.reset();
  auto started = agent::Agent::Start(loaded.config);
  const bool taken = started.has_value();
  if (taken) {
    current = loaded.config;
    shared::log::SetLevel(current.agent.log_level);
    shared::log::Info("reload: done");
  } else {
    shared::log::Error("reload: {}; the old configuration stays in effect",
                       started.error().message);
    started = agent::Agent::Start(current);
  }
  if (started) {
    running = std::move(*started);
  } else {
    shared::log::Error("reload: {}", started.error().message);
  }
  return taken;
}

// Waits for a signal; meanwhile the watchdog hears of progress, and of nothing else.
int WaitForSignal(const shared::SignalSet& signals, const agent::Agent& running,
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
  shared::log::Init(loaded.config.agent.log_level, loaded.config.agent.log_format);
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
  auto started = agent::Agent::Start(loaded.config);
  if (!started) {
    shared::log::Error("{}", started.error().message);
    return shared::StartFailureExit(started.error());
  }
  std::unique_ptr<agent::Agent> running = std::move(*started);
  notifier->Ready(StatusOf(loaded.config));
  while (WaitForSignal(signals, *running, *notifier) == SIGHUP) {
    notifier->Reloading();
    const bool taken = Reload(options, loaded.config, running);
    if (running == nullptr) return shared::kExitUnavailable;
    notifier->Ready(
        StatusOf(loaded.config, taken ? "" : "; the last reload was refused, see the log"));
  }
  notifier->Stopping();
  shared::log::Info("stopping");
  // A server that does not answer may hold its thread longer than shutdown_timeout.
  signals.ReleaseForEnd(
      std::chrono::ceil<std::chrono::seconds>(loaded.config.agent.shutdown_timeout + kStopGrace));
  running->Stop();
  return shared::kExitOk;
}

// The agent has an address to be asked at only when it is told one.
int RunHealthCheck(const Options& options) {
  std::string url = options.health_url;
  if (url.empty()) {
    const LoadedConfig loaded = Load(options);
    const auto& listen = loaded.config.status.listen;
    if (listen.address.empty()) {
      fmt::print(stderr, "status.listen is not set: the agent has no page to ask\n");
      return shared::kExitConfig;
    }
    url = shared::http::LocalUrl(listen.address, listen.port) + "/readyz";
  }
  return shared::http::RunHealthCheck(url);
}

int PrintVersion(const Options& options) {
  if (options.json) {
    fmt::print("{{\"version\":\"{}\",\"commit\":\"{}\"}}\n", shared::kVersion, shared::kCommit);
  } else {
    fmt::print("pgvigil-agent {} ({})\n", shared::kVersion, shared::kCommit);
  }
  return shared::kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  // One heap for all threads: they allocate little, and each arena of its own keeps pages for ever.
  mallopt(M_ARENA_MAX, 1);
  google::protobuf::SetLogHandler(nullptr);  // a peer's bad bytes are our error message, not its
  Options options;
  CLI::App app{"pgvigil-agent: watches this host and its PostgreSQL, ships to the collector"};
  app.require_subcommand(1);
  const auto add_config = [&](CLI::App* command) {
    command->add_option("--config,-c", options.config, "configuration file")->capture_default_str();
  };
  const auto add_json = [&](CLI::App* command) {
    command->add_flag("--json", options.json, "write JSON");
  };
  CLI::App* run = app.add_subcommand("run", "run until SIGTERM or SIGINT; SIGHUP reloads");
  run->add_option("--pid-file", options.pid_file, "write the process number here");
  CLI::App* check = app.add_subcommand("check", "prove each capability and say what helps");
  CLI::App* once = app.add_subcommand("once", "collect one round and print what would be sent");
  CLI::App* config = app.add_subcommand("config", "look at the configuration");
  config->require_subcommand(1);
  CLI::App* config_check = config->add_subcommand("check", "name everything that is wrong with it");
  CLI::App* config_show =
      config->add_subcommand("show", "print what is in effect and where it comes from");
  CLI::App* health =
      app.add_subcommand("healthcheck", "ask a running agent whether it reaches its collector");
  health->add_option("--url", options.health_url, "instead of the configured status page");
  CLI::App* support =
      app.add_subcommand("support-bundle", "print what helps whoever helps; no secrets");
  CLI::App* version = app.add_subcommand("version", "print the version");
  for (CLI::App* command : {run, check, once, config_check, config_show, health, support})
    add_config(command);
  for (CLI::App* command : {check, once, config_check, config_show, version}) add_json(command);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? shared::kExitOk : shared::kExitUsage;
  }
  if (run->parsed()) return Run(options);
  if (health->parsed()) return RunHealthCheck(options);
  if (version->parsed()) return PrintVersion(options);
  const LoadedConfig loaded = Load(options);
  if (config_check->parsed()) {
    return shared::config::RunConfigCheck(loaded.problems, options.config.c_str(), options.json);
  }
  if (config_show->parsed()) {
    return shared::config::RunConfigShow(loaded.problems, loaded.settings, options.json);
  }
  shared::log::Init(shared::log::Level::kError);
  if (support->parsed()) {
    return agent::PrintSupportBundle(loaded.config, loaded.problems, loaded.settings);
  }
  if (!loaded.ok()) {
    fmt::print(stderr, "{}", loaded.problems.ToText());
    return shared::kExitConfig;
  }
  if (once->parsed()) return agent::once::RunOnce(loaded.config, options.json);
  return agent::doctor::RunDoctor(loaded.config, options.json);
}
