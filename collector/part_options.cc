#include "collector/part_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <string_view>

#include "shared/config/url.h"
#include "shared/http/health_check.h"

namespace collector {
namespace {

shared::postgres::ConnectOptions ConnectOptionsOf(const config::Postgres& from) {
  shared::postgres::ConnectOptions to;
  const auto add = [&](std::string_view keyword, const std::string& value) {
    if (!value.empty()) to.keywords.emplace_back(keyword, value);
  };
  add("host", from.host);
  add("port", std::to_string(from.port));
  add("dbname", from.database);
  add("user", from.user);
  add("sslmode", from.sslmode);
  add("sslrootcert", from.sslrootcert);
  add("sslcert", from.sslcert);
  add("sslkey", from.sslkey);
  to.password = from.password;
  to.application_name = "pgvigil-collector";
  to.connect_timeout = from.connect_timeout;
  return to;
}

http::TlsOptions TlsOptionsOf(const config::Tls& from) {
  http::TlsOptions to;
  to.cert_file = from.cert_file;
  to.key_file = from.key_file;
  to.client_ca_file = from.client_ca_file;
  if (from.client_certificates == "optional") to.clients = http::ClientCertificates::kOptional;
  if (from.client_certificates == "required") to.clients = http::ClientCertificates::kRequired;
  to.version_1_3_only = from.min_version == "1.3";
  to.handshake_timeout = from.handshake_timeout;
  to.check_interval = from.check_interval;
  return to;
}

// Which tables a kind of data lives in.
storage::RetentionOptions RetentionOptionsOf(const config::Retention& from) {
  storage::RetentionOptions to;
  to.policy.keep = {{"block", from.blocks},
                    {"chunk_minutes", from.blocks},
                    {"chunk_hours", from.chunks},
                    {"rollup_5m", from.rollups_5m},
                    {"rollup_1h", from.rollups_1h},
                    {"log_block", from.logs},
                    {"log_segment", from.logs},
                    {"log_pattern_count", from.logs},
                    {"log_event", from.log_events},
                    {"statement_interval", from.statements},
                    {"statement_delta", from.statements},
                    {"statement_hour", from.statement_hours}};
  to.policy.large = {"chunk_hours", "log_block", "log_segment", "log_event", "statement_delta"};
  to.policy.size_bytes = from.size_bytes;
  to.disk_path = from.disk_path;
  to.min_free_bytes = from.min_free_bytes;
  return to;
}

}  // namespace

http::ServerConfig ServerConfigOf(const config::CollectorConfig& from) {
  http::ServerConfig to;
  to.address = from.http.listen.address;
  to.port = from.http.listen.port;
  to.threads = from.http.threads;
  to.limits.header_bytes = from.http.header_limit_bytes;
  to.limits.body_bytes = from.http.body_limit_bytes;
  to.limits.header_timeout = from.http.header_timeout;
  to.limits.idle_timeout = from.http.idle_timeout;
  to.limits.body_timeout = from.http.body_timeout;
  to.limits.response_timeout = from.http.response_timeout;
  to.limits.connections = from.http.connections;
  to.limits.connections_per_address = from.http.connections_per_address;
  to.limits.bodies_in_flight_bytes = from.http.bodies_in_flight_limit_bytes;
  to.tls = TlsOptionsOf(from.http.tls);
  to.loopback_first =
      from.access.keys == config::Keys::kAuto && !shared::config::IsLoopback(from.http.listen);
  return to;
}

access::KeyRule KeyRuleOf(config::Keys from) {
  switch (from) {
    case config::Keys::kAuto:
      return access::KeyRule::kOnceThereIsOne;
    case config::Keys::kRequired:
      return access::KeyRule::kAlways;
    case config::Keys::kNone:
      return access::KeyRule::kNever;
  }
  return access::KeyRule::kAlways;
}

access::QuotaOptions QuotaOptionsOf(const config::Quotas& from) {
  const auto quota = [](const config::Quota& one) {
    return access::Quota{one.requests_per_second, one.bytes_per_second, one.samples_per_second,
                         one.lines_per_second, one.queries_at_once};
  };
  return {quota(from.key), quota(from.tenant), from.burst};
}

storage::StoreOptions StoreOptionsOf(const config::CollectorConfig& from) {
  storage::StoreOptions to;
  to.connect = ConnectOptionsOf(from.postgres);
  to.consumes = from.kafka.enabled();
  to.writes = from.kafka.enabled() ? from.roles.store : from.roles.ingest;
  to.writers = from.postgres.writers;
  to.reads = from.roles.query;
  to.readers = from.postgres.readers;
  if (!from.postgres.replica_host.empty()) {
    config::Postgres replica = from.postgres;
    replica.host = from.postgres.replica_host;
    replica.port = from.postgres.replica_port;
    to.replica = ConnectOptionsOf(replica);
    to.replica_max_lag = from.postgres.replica_max_lag;
  }
  to.queue_bytes = from.storage.queue_size_bytes;
  to.group_batches = static_cast<size_t>(from.storage.group_batches);
  to.gather = from.storage.group_wait;
  to.retention = RetentionOptionsOf(from.retention);
  to.partitions_ahead = from.storage.partitions_ahead;
  to.newest_window = from.storage.newest_window;
  to.newest_bytes = from.roles.query ? from.storage.newest_size_bytes : 0;
  to.limits.series.per_agent = from.limits.series_per_agent;
  to.limits.series.per_tenant = from.limits.series_per_tenant;
  to.limits.series.layouts_per_hour = from.limits.layouts_per_hour;
  return to;
}

ingest::BatchHandlerOptions HandlerOptionsOf(const config::CollectorConfig& from) {
  ingest::BatchHandlerOptions to;
  to.decompress.output_bytes = from.http.decompressed_limit_bytes;
  to.limits.labels_per_series = from.limits.labels_per_series;
  to.limits.label_name_bytes = from.limits.label_name_limit_bytes;
  to.limits.label_value_bytes = from.limits.label_value_limit_bytes;
  to.limits.future_skew = from.limits.future_skew;
  to.limits.oldest = config::Limits::kOldest;
  return to;
}

// What ingest checked is checked again: a record may come from another version, or from anybody.
bus::ConsumerOptions ConsumerOptionsOf(const config::CollectorConfig& from) {
  const ingest::BatchHandlerOptions handler = HandlerOptionsOf(from);
  bus::ConsumerOptions to;
  to.kafka = from.kafka;
  to.limits.decompress = handler.decompress;
  to.limits.batch = handler.limits;
  return to;
}

api::ApiOptions ApiOptionsOf(const config::CollectorConfig& from) {
  api::ApiOptions to;
  to.timeout = from.query.timeout;
  to.threads = static_cast<size_t>(from.query.concurrency);
  to.max_rows = from.query.max_rows;
  to.max_samples = from.query.max_samples;
  return to;
}

// Several collectors may be on one machine, but not at one address.
canary::CanaryOptions CanaryOptionsOf(const config::CollectorConfig& from) {
  char machine[HOST_NAME_MAX + 1] = {};
  ::gethostname(machine, sizeof machine - 1);
  canary::CanaryOptions to;
  to.tenant = {from.canary.tenant};
  to.host = from.canary.host;
  to.collector =
      fmt::format("{} {}", machine, shared::config::FormatListenAddress(from.http.listen));
  to.interval = from.canary.interval;
  to.deadline = from.canary.deadline;
  return to;
}

OwnAddress OwnAddressOf(const config::Http& from) {
  OwnAddress out;
  const bool tls = !from.tls.cert_file.empty();
  out.url = shared::http::LocalUrl(from.listen.address, from.listen.port, tls);
  out.tls.ca_file = from.tls.cert_file;
  out.tls.verify_name = false;
  return out;
}

}  // namespace collector
