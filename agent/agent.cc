#include "agent/agent.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/host/resource.h"
#include "agent/host/source.h"
#include "agent/identity/agent_id.h"
#include "agent/identity/state_format.h"
#include "agent/logs/log_source.h"
#include "agent/options.h"
#include "agent/pipeline/batch_thread.h"
#include "agent/pipeline/batcher.h"
#include "agent/pipeline/drops.h"
#include "agent/pipeline/layout_store.h"
#include "agent/pipeline/round_journal.h"
#include "agent/pipeline/telemetry.h"
#include "agent/postgres/postgres_target.h"
#include "agent/postgres/statements/poller.h"
#include "agent/ship/delivery.h"
#include "agent/ship/shipper.h"
#include "agent/spool/files.h"
#include "agent/spool/spool.h"
#include "agent/status/status_page.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/version.h"
#include "shared/log/log.h"
#include "shared/wire/checksum.h"

namespace agent {
namespace {

using pgvigil::v1::Capability;
using shared::Result;

// Rounds between the sources and the batcher: a few seconds of everything, even of large hosts.
constexpr size_t kQueueBytes = size_t{4} << 20;
constexpr uint64_t kJournalBytes = uint64_t{4} << 20;

// One [[postgres]] at work. The poller is used by the target's thread: it goes after it.
struct Target {
  std::optional<postgres::statements::Poller> poller;
  std::optional<postgres::PostgresTarget> target;
};

// The resource attributes of every batch: what the kernel says, and what the configuration adds or
// says better. Sorted by name, each name once.
pgvigil::v1::Resource ResourceOf(const config::AgentConfig& config,
                                 const pgvigil::v1::Resource& host) {
  std::map<std::string, std::string> attributes;
  for (const pgvigil::v1::Attribute& one : host.attributes()) attributes[one.name()] = one.value();
  if (!config.agent.host_name.empty()) attributes["host.name"] = config.agent.host_name;
  attributes["service.version"] = shared::kVersion;
  for (const auto& [name, value] : config.agent.labels) attributes[name] = value;
  pgvigil::v1::Resource out;
  for (const auto& [name, value] : attributes) {
    pgvigil::v1::Attribute* attribute = out.add_attributes();
    attribute->set_name(name);
    attribute->set_value(value);
  }
  return out;
}

std::string AttributeOf(const pgvigil::v1::Resource& resource, std::string_view name) {
  for (const pgvigil::v1::Attribute& one : resource.attributes()) {
    if (one.name() == name) return one.value();
  }
  return {};
}

spool::SpoolOptions SpoolOptionsOf(const config::Spool& config, pgvigil::v1::Stream stream,
                                   const char* name, uint64_t limit_bytes) {
  spool::SpoolOptions options;
  options.directory = config.directory + "/" + name;
  options.stream = stream;
  options.max_bytes = limit_bytes;
  options.segment_bytes = config.segment_size_bytes;
  return options;
}

logs::LogSourceOptions LogOptionsOf(const config::AgentConfig& config, std::string agent_id,
                                    pgvigil::v1::Resource resource) {
  logs::LogSourceOptions options;
  options.state_directory = config.agent.state_dir + "/logs";
  options.agent_id = std::move(agent_id);
  options.resource = std::move(resource);
  options.syslog_path = SyslogPathOf(config.syslog);
  options.allow_literals = config.logs.allow_literals;
  options.files.max_record_bytes = config.logs.record_limit_bytes;
  options.batch_bytes = config.logs.batch_size_bytes;
  options.queue_bytes = config.logs.queue_size_bytes;
  options.linger = config.logs.batch_interval;
  return options;
}

}  // namespace

// In the order of the flow, what receives before what sends, so that everything outlives its users.
struct Agent::Parts {
  explicit Parts(const config::AgentConfig& agent_config) : config(agent_config) {}

  Result<void> OpenStores();
  Result<void> StartDelivery();
  Result<void> StartSources();
  pgvigil::v1::AgentStatus Status() const;

  const config::AgentConfig config;
  shared::SystemClock clock;
  const shared::WallTime started = clock.Now();
  pipeline::Drops drops;
  pipeline::Capabilities capabilities;
  std::string agent_id;
  pgvigil::v1::Resource resource;

  spool::DiskFiles files;
  std::unique_ptr<spool::Spool> metrics_spool;
  std::unique_ptr<spool::Spool> statements_spool;
  std::optional<pipeline::LayoutStore> layouts;
  std::unique_ptr<postgres::statements::Baselines> baselines;
  pipeline::TelemetryQueue queue{kQueueBytes};
  std::unique_ptr<logs::LogSource> logs;
  std::optional<ship::HttpTransport> transport;
  std::optional<ship::Delivery> delivery;
  std::optional<ship::Shipper> shipper;
  std::optional<pipeline::Batcher> batcher;
  std::optional<pipeline::BatchThread> batch_thread;
  std::optional<host::HostSource> host;
  std::vector<std::unique_ptr<Target>> targets;
  std::unique_ptr<status::StatusPage> status_page;
  bool stopped = false;
};

Result<void> Agent::Parts::OpenStores() {
  const std::string& state_dir = config.agent.state_dir;
  RETURN_IF_ERROR(shared::MakeDirectories(state_dir));
  RETURN_IF_ERROR(identity::ClaimState(state_dir));
  host::ResourceOptions resource_options;
  resource_options.proc_root = config.agent.proc_root;
  resource = ResourceOf(config, host::ReadHostResource(resource_options));
  ASSIGN_OR_RETURN(agent_id,
                   identity::LoadOrCreateAgentId(state_dir, AttributeOf(resource, "host.id")));
  ASSIGN_OR_RETURN(metrics_spool,
                   spool::Spool::Open(SpoolOptionsOf(config.spool, pgvigil::v1::STREAM_METRICS,
                                                     "metrics", config.spool.metrics_limit_bytes),
                                      files, clock, drops));
  ASSIGN_OR_RETURN(
      statements_spool,
      spool::Spool::Open(SpoolOptionsOf(config.spool, pgvigil::v1::STREAM_STATEMENTS, "statements",
                                        config.spool.statements_limit_bytes),
                         files, clock, drops));
  ASSIGN_OR_RETURN(layouts,
                   pipeline::LayoutStore::Open(config.spool.directory + "/layouts", clock));
  ASSIGN_OR_RETURN(baselines, postgres::statements::Baselines::Open(
                                  state_dir + "/statements", {statements_spool->incarnation(),
                                                              statements_spool->last_sequence()}));
  ASSIGN_OR_RETURN(logs, logs::LogSource::Open(LogOptionsOf(config, agent_id, resource), clock,
                                               drops, capabilities));
  return {};
}

Result<void> Agent::Parts::StartDelivery() {
  ASSIGN_OR_RETURN(shared::http::Client client,
                   shared::http::Client::Create(ClientConfigOf(config.collector)));
  transport.emplace(std::move(client));
  ship::DeliveryOptions options;
  options.collector_url = config.collector.url;
  options.api_key = config.collector.api_key;
  options.seed = shared::wire::Checksum(agent_id, 0);
  const std::vector<ship::Outbox*> outboxes{metrics_spool.get(), statements_spool.get(),
                                            &logs->outbox()};
  delivery.emplace(
      options, outboxes, *transport, [this](std::string_view hash) { return layouts->Find(hash); },
      clock, drops, capabilities);
  shipper.emplace(*delivery, outboxes, *transport, clock);
  logs->Start();
  return {};
}

Result<void> Agent::Parts::StartSources() {
  pipeline::BatcherParts parts{
      *metrics_spool, *statements_spool,           *layouts,     drops,
      clock,          [this] { return Status(); }, std::nullopt, std::nullopt};
  auto journal = pipeline::RoundJournal::Open(config.agent.state_dir + "/rounds.journal",
                                              kJournalBytes, parts.found);
  if (journal) {
    parts.journal = std::move(*journal);
  } else {
    shared::log::Error("{}; a crash will lose the samples that are not yet in a batch",
                       journal.error().message);
  }
  batcher.emplace(
      pipeline::BatcherOptions{
          .agent_id = agent_id, .resource = resource, .period = config.metrics.batch},
      std::move(parts));
  batch_thread.emplace(queue, *batcher);

  if (config.host.enabled) {
    host.emplace(HostOptionsOf(config), host::HostSystem{},
                 host::HostSink{clock, queue, drops, capabilities},
                 shared::wire::Checksum(agent_id, 1));
  } else {
    capabilities.Set("host", Capability::STATE_OFF);
  }
  for (const config::PostgresTarget& one : config.postgres) {
    if (!one.enabled) {
      capabilities.Set("postgres:" + one.name, Capability::STATE_OFF);
      continue;
    }
    Target& target = *targets.emplace_back(std::make_unique<Target>());
    if (one.statements.enabled) {
      postgres::statements::PollerConfig poller;
      poller.target = one.name;
      poller.interval = one.statements.interval;
      poller.text.interval = one.statements.text_interval;
      poller.text.text_characters = static_cast<uint32_t>(one.statements.text_limit_bytes);
      poller.text.run_bytes = one.statements.text_budget_bytes;
      target.poller.emplace(
          poller, postgres::statements::PollerOutlets{*baselines, queue, capabilities, clock});
    }
    postgres::PostgresTargetOptions options;
    options.session = SessionOptionsOf(one);
    options.interval = one.interval;
    options.sizes_interval = one.sizes_interval;
    postgres::PostgresTargetOutputs outputs{queue, drops, capabilities, clock};
    if (target.poller) outputs.statements = &*target.poller;
    if (one.logs.enabled) {
      outputs.log_settings = [this](const postgres::InstanceIdentity& identity,
                                    const postgres::LogSettings& settings) {
        logs->UpdatePostgres(identity, settings);
      };
    } else {
      capabilities.Set("logs:" + one.name, Capability::STATE_OFF);
    }
    target.target.emplace(options, outputs);
  }
  if (!config.status.listen.address.empty()) {
    ASSIGN_OR_RETURN(status_page, status::StatusPage::Start(config.status.listen.address,
                                                            config.status.listen.port,
                                                            [this] { return Status(); }));
  }
  return {};
}

pgvigil::v1::AgentStatus Agent::Parts::Status() const {
  pgvigil::v1::AgentStatus status;
  status.set_version(shared::kVersion);
  status.set_started_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(started)));
  for (Capability& one : capabilities.Snapshot()) *status.add_capabilities() = std::move(one);
  for (pgvigil::v1::Dropped& one : drops.Snapshot()) *status.add_dropped() = std::move(one);
  *status.add_streams() = metrics_spool->waiting();
  *status.add_streams() = logs->waiting();
  *status.add_streams() = statements_spool->waiting();
  return status;
}

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Agent::~Agent() {
  Stop();
}

Result<std::unique_ptr<Agent>> Agent::Start(const config::AgentConfig& config) {
  auto parts = std::make_unique<Parts>(config);
  RETURN_IF_ERROR(parts->OpenStores());
  RETURN_IF_ERROR(parts->StartDelivery());
  std::unique_ptr<Agent> agent(new Agent(std::move(parts)));
  if (Result<void> started = agent->parts_->StartSources(); !started) {
    return tl::make_unexpected(std::move(started).error());  // ~Agent stops what has started
  }
  shared::log::Info("pgvigil-agent {} started; collector {}", shared::kVersion,
                    config.collector.url);
  return agent;
}

shared::Result<void> Agent::CheckAlive() const {
  const shared::MonotonicTime now = parts_->clock.Monotonic();
  if (parts_->host) RETURN_IF_ERROR(parts_->host->pulse().Check(now));
  RETURN_IF_ERROR(parts_->logs->pulse().Check(now));
  RETURN_IF_ERROR(parts_->batch_thread->pulse().Check(now));
  return parts_->shipper->pulse().Check(now);
}

void Agent::Stop() {
  Parts& parts = *parts_;
  if (std::exchange(parts.stopped, true)) return;
  const shared::MonotonicTime deadline =
      parts.clock.Monotonic() + parts.config.agent.shutdown_timeout;
  parts.status_page.reset();
  for (const std::unique_ptr<Target>& target : parts.targets) target->target->RequestStop();
  parts.host.reset();
  parts.logs->Stop();
  parts.targets.clear();
  parts.queue.Close();
  // The last samples should still go out: half of the time for the disk, the rest for the network.
  if (parts.batch_thread && !parts.batch_thread->Drain(parts.clock.Monotonic() +
                                                       (deadline - parts.clock.Monotonic()) / 2)) {
    shared::log::Warn("stop: samples were left behind in the queue");
  }
  parts.batch_thread.reset();
  parts.shipper->Drain(deadline);
  parts.shipper.reset();
}

}  // namespace agent
