#include "collector/collector.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "collector/api/api.h"
#include "collector/api/kafka_lag_route.h"
#include "collector/api/self_routes.h"
#include "collector/bus/consumer.h"
#include "collector/bus/feeds/make_feeds.h"
#include "collector/bus/publisher.h"
#include "collector/canary/canary.h"
#include "collector/entrance.h"
#include "collector/http/client_names.h"
#include "collector/http/server.h"
#include "collector/ingest/batch_handler.h"
#include "collector/part_options.h"
#include "collector/storage/store.h"
#include "shared/base/clock.h"
#include "shared/base/version.h"
#include "shared/log/log.h"
#include "shared/metrics/registry.h"

namespace collector {
namespace {

constexpr std::chrono::seconds kStopDeadline{5};
constexpr std::chrono::seconds kPublishDeadline{10};

http::ServerConfig ServerConfigWith(const access::Gate& gate,
                                    const config::CollectorConfig& config) {
  http::ServerConfig out = ServerConfigOf(config);
  out.gate = &gate;
  return out;
}

}  // namespace

// In the order in which they are built; they go in the reverse one. The listener is built before
// all that answers, and goes after it: the store's last answers are posted to it.
struct Collector::Parts {
  explicit Parts(const config::CollectorConfig& config)
      : entrance(config, clock, registry), server(ServerConfigWith(entrance.gate(), config)) {}

  shared::Result<void> Build(const config::CollectorConfig& config);
  shared::Result<void> BuildIngest(const config::CollectorConfig& config);
  shared::Result<void> BuildConsumer(const config::CollectorConfig& config);
  void BuildCanary(const config::CollectorConfig& config);
  void Stop();

  shared::SystemClock clock;
  shared::metrics::Registry registry;
  Entrance entrance;
  http::Server server;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<bus::Publisher> publisher;
  std::unique_ptr<bus::Consumer> consumer;
  std::optional<ingest::BatchHandler> handler;
  std::optional<api::Api> api;
  std::vector<api::ReadyCheck> ready_checks;
  std::optional<api::SelfRoutes> self;
  std::optional<canary::Canary> canary;
  bool stopped = false;
};

// Each role brings its parts, its routes and what must hold for it to do its work. With Kafka,
// ingest needs no PostgreSQL.
shared::Result<void> Collector::Parts::Build(const config::CollectorConfig& config) {
  const config::Roles& roles = config.roles;
  const bool kafka = config.kafka.enabled();
  if (roles.query || (kafka ? roles.store : roles.ingest)) {
    ASSIGN_OR_RETURN(store, storage::Store::Open(StoreOptionsOf(config), clock, registry));
  }
  if (roles.ingest) RETURN_IF_ERROR(BuildIngest(config));
  if (roles.store && kafka) RETURN_IF_ERROR(BuildConsumer(config));
  if (roles.query) {
    api.emplace(store->reader(), clock, registry, ApiOptionsOf(config), &entrance.quotas());
    api->AddRoutes(server);
    ready_checks.push_back({"query", [this] { return store->reader().Ready(); }});
  }
  ready_checks.push_back({"keys", [this] { return entrance.Ready(); }});
  self.emplace(registry, ready_checks, config.access.open_metrics);
  self->AddTo(server);
  if (config.canary.enabled) BuildCanary(config);
  return {};
}

shared::Result<void> Collector::Parts::BuildIngest(const config::CollectorConfig& config) {
  if (config.kafka.enabled()) {
    ASSIGN_OR_RETURN(publisher, bus::Publisher::Open(config.kafka, bus::MakeFeeds(config.kafka),
                                                     clock, registry));
    handler.emplace(*publisher, clock, registry, HandlerOptionsOf(config), &entrance.quotas());
    ready_checks.push_back({"ingest", [this] { return publisher->Ready(); }});
  } else {
    handler.emplace(*store, clock, registry, HandlerOptionsOf(config), &entrance.quotas());
    ready_checks.push_back({"ingest", [this] { return store->Ready(); }});
  }
  const auto take = [this](http::Request request, http::Responder respond) {
    handler->Handle(std::move(request), std::move(respond));
  };
  server.Route("POST", "/v1/batches", access::Scope::kIngest,
               http::OnlyForClients(config.http.tls.ingest_names, take));
  return {};
}

shared::Result<void> Collector::Parts::BuildConsumer(const config::CollectorConfig& config) {
  ASSIGN_OR_RETURN(consumer,
                   bus::Consumer::Open(ConsumerOptionsOf(config), *store, clock, registry));
  ready_checks.push_back({"store", [this] { return store->Ready(); }});
  ready_checks.push_back({"store", [this] { return consumer->Ready(); }});
  api::AddKafkaLagRoute(server, [this] {
    std::vector<api::KafkaLagRow> rows;
    for (const bus::PartitionLag& one : consumer->Lag()) {
      rows.push_back({one.id.topic, one.id.partition, one.next_offset, one.high_watermark, one.lag,
                      one.paused, one.blocked});
    }
    return rows;
  });
  return {};
}

void Collector::Parts::BuildCanary(const config::CollectorConfig& config) {
  if (!config.roles.ingest || !config.roles.query) {
    shared::log::Warn("canary.enabled: not here: it needs the roles ingest and query");
    return;
  }
  ingest::BatchStore& way = publisher ? static_cast<ingest::BatchStore&>(*publisher) : *store;
  canary.emplace(way, store->reader(), clock, registry, CanaryOptionsOf(config));
}

// In the order of the flow: nothing comes in, what is in goes out, then the last parts close.
void Collector::Parts::Stop() {
  if (std::exchange(stopped, true)) return;
  if (canary) canary->Stop();
  server.Stop(kStopDeadline);
  entrance.Stop();
  if (publisher) publisher->Close(kPublishDeadline);
  if (consumer) consumer->Stop();
  if (self) self->Stop();
  if (api) api->Stop();
  if (store) store->Close();
}

Collector::Collector(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Collector::~Collector() {
  Stop();
}

shared::Result<std::unique_ptr<Collector>> Collector::Start(const config::CollectorConfig& config) {
  auto parts = std::make_unique<Parts>(config);
  parts->registry
      .AddGauge("collector_build_info", "1; the labels tell what was built",
                {{"version", shared::kVersion}, {"commit", shared::kCommit}})
      .Set(1);
  RETURN_IF_ERROR(parts->Build(config));
  RETURN_IF_ERROR(parts->server.Start());
  shared::log::Info("pgvigil-collector {} listens on port {} of {}", shared::kVersion,
                    parts->server.port(), config.http.listen.address);
  parts->entrance.OpenWhenKeyed(parts->server);
  return std::unique_ptr<Collector>(new Collector(std::move(parts)));
}

shared::Result<void> Collector::ReloadTls() {
  return parts_->server.ReloadTls();
}

shared::Result<void> Collector::CheckAlive() {
  return parts_->server.CheckAlive();
}

void Collector::Stop() {
  parts_->Stop();
}

}  // namespace collector
