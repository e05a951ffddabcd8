#pragma once

#include "collector/access/gate.h"
#include "collector/api/api.h"
#include "collector/bus/consumer.h"
#include "collector/canary/canary.h"
#include "collector/config/collector_config.h"
#include "collector/http/server.h"
#include "collector/ingest/batch_handler.h"
#include "collector/storage/store.h"
#include "shared/http/client.h"

// What the configuration means for each part: parts know nothing of the file, nor of each other.
namespace collector {

http::ServerConfig ServerConfigOf(const config::CollectorConfig& from);
access::KeyRule KeyRuleOf(config::Keys from);
access::QuotaOptions QuotaOptionsOf(const config::Quotas& from);
storage::StoreOptions StoreOptionsOf(const config::CollectorConfig& from);
ingest::BatchHandlerOptions HandlerOptionsOf(const config::CollectorConfig& from);
bus::ConsumerOptions ConsumerOptionsOf(const config::CollectorConfig& from);
api::ApiOptions ApiOptionsOf(const config::CollectorConfig& from);
canary::CanaryOptions CanaryOptionsOf(const config::CollectorConfig& from);

// How the program asks itself, from this machine. Its certificate's names are those that agents
// use, not the loopback's: it is known by itself.
struct OwnAddress {
  std::string url;  // without path
  shared::http::TlsConfig tls;
};
OwnAddress OwnAddressOf(const config::Http& from);

}  // namespace collector
