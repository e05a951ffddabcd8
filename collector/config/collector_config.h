#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/clock.h"
#include "shared/base/secret.h"
#include "shared/config/environment.h"
#include "shared/config/loading.h"
#include "shared/config/url.h"
#include "shared/log/log.h"

// The collector's configuration: TOML, /etc/pgvigil-collector/collector.toml and conf.d/*.toml
// beside it. Each struct is a section, each member the key of the same name (less the unit in the
// name: `body_limit_bytes` is the key body_limit), the initial value its default. Every key has a
// default; collector.toml.example shows them all.
namespace collector::config {

// [http.tls]: the listener speaks TLS as soon as it has a certificate
struct Tls {
  std::string cert_file;  // PEM, with the certificates between it and its authority; "": no TLS
  std::string key_file;
  std::string client_ca_file;  // PEM: authorities of client certificates
  // "none", "optional" or "required". Default: required with client_ca_file, else none.
  std::string client_certificates = "none";
  // Whose certificates may send batches, by their alternative names, '*' is any text:
  // "DNS:*.db.example.net", "URI:spiffe://fleet/agent/*". Empty: everybody's.
  std::vector<std::string> ingest_names;
  std::string min_version = "1.2";  // or "1.3"
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds check_interval{5'000};  // whether the files have changed
  bool operator==(const Tls&) const = default;
};

// [http]: the listener and its limits
struct Http {
  shared::config::ListenAddress listen{"127.0.0.1", 8480};
  int threads = 2;
  uint64_t header_limit_bytes = 16 << 10;
  uint64_t body_limit_bytes = uint64_t{16} << 20;               // as it comes, compressed
  uint64_t decompressed_limit_bytes = uint64_t{64} << 20;       // of one body
  uint64_t bodies_in_flight_limit_bytes = uint64_t{256} << 20;  // of all requests together
  uint64_t connections = 10'000;
  uint64_t connections_per_address = 256;
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds body_timeout{60};
  std::chrono::seconds idle_timeout{60};
  std::chrono::seconds response_timeout{60};
  Tls tls;
  bool operator==(const Http&) const = default;
};

// [postgres]: the store
struct Postgres {
  std::string host;  // socket directory or address; "": libpq's default socket directory
  uint16_t port = 5432;
  std::string database = "pgvigil";
  std::string user = "pgvigil";
  shared::Secret password;  // or password_file; "": ~/.pgpass, peer, certificate
  // As libpq's. Default by host: prefer for sockets and loopback, verify-full for other machines.
  std::string sslmode = "prefer";
  std::string sslrootcert;  // PEM; "": libpq's default
  std::string sslcert;      // PEM, the client certificate, with sslkey
  std::string sslkey;
  std::chrono::milliseconds connect_timeout{5'000};
  int writers = 2;  // connections that store
  int readers = 4;  // connections that answer queries
  // A hot standby that queries are read from while it lags no more than so; database, user,
  // password and TLS as above. "": none.
  std::string replica_host;
  uint16_t replica_port = 5432;
  std::chrono::milliseconds replica_max_lag{30'000};
  bool operator==(const Postgres&) const = default;
};

// [storage]: how batches become transactions
struct Storage {
  int group_batches = 100;                         // a transaction takes at most so many batches
  std::chrono::milliseconds group_wait{5};         // and waits at most so long for more
  uint64_t queue_size_bytes = uint64_t{64} << 20;  // batches that wait; above it: 503
  int partitions_ahead = 3;                        // days for which partitions exist already
  // Questions that end now are answered from memory: so far back, in at most so many bytes (0: not
  // at all). A thousand hosts of 500 series each 10 s take about 250 MB an hour.
  std::chrono::seconds newest_window{3600};
  uint64_t newest_size_bytes = uint64_t{256} << 20;
  bool operator==(const Storage&) const = default;
};

// [retention]: how long each kind of data is kept, and what goes when room is short
struct Retention {
  std::chrono::hours blocks{6};                  // as agents sent them, once they are compacted
  std::chrono::hours chunks{24 * 90};            // samples in full resolution
  std::chrono::hours rollups_5m{24 * 400};       // of five minutes
  std::chrono::hours rollups_1h{24 * 1830};      // of an hour
  std::chrono::hours logs{24 * 30};              // every line, compressed
  std::chrono::hours log_events{24 * 90};        // severe and classified lines as rows
  std::chrono::hours statements{24 * 30};        // statements by interval
  std::chrono::hours statement_hours{24 * 400};  // statements by hour
  uint64_t size_bytes = 0;  // of everything; above it the oldest goes; 0: no bound
  std::string disk_path;    // a directory on PostgreSQL's disk when that is here; "": unknown
  uint64_t min_free_bytes = uint64_t{2} << 30;  // on that disk; below it the oldest goes
  bool operator==(const Retention&) const = default;
};

// [query]: limits of the API
struct Query {
  std::chrono::milliseconds timeout{10'000};
  uint64_t max_rows = 10'000;        // of one answer
  uint64_t max_samples = 5'000'000;  // decoded for one answer
  int concurrency = 8;               // queries at a time; more wait, then 503
  bool operator==(const Query&) const = default;
};

// [limits]: what an agent may send
struct Limits {
  uint64_t series_per_agent = 20'000;  // of its host, seen in the last two days
  uint64_t series_per_tenant = 1'000'000;
  uint64_t layouts_per_hour = 600;  // new ones of a host
  uint64_t labels_per_series = 40;
  uint64_t label_name_limit_bytes = 255;
  uint64_t label_value_limit_bytes = 4096;
  std::chrono::seconds future_skew{86'400};  // how far ahead of our clock a timestamp may be
  // Older timestamps are refused: 2000-01-01T00:00:00Z. No key: it is a fact, not a choice.
  static constexpr shared::WallTime kOldest{std::chrono::seconds{946'684'800}};
  bool operator==(const Limits&) const = default;
};

// [access]: who may come in. Keys are made with `pgvigil-collector keys create`.
enum class Keys {
  kAuto,      // needed once there is one; until then it listens on loopback only, and needs none
  kRequired,  // always needed, so that it can listen where it shall before there is one
  kNone,      // never: only with http.listen on loopback, where something else keeps watch
};
struct Access {
  Keys keys = Keys::kAuto;
  bool open_metrics = false;  // /metrics without a key
  bool operator==(const Access&) const = default;
};

// [quotas.key], [quotas.tenant]: what each API key, and all keys of each tenant together, may do at
// each collector. 0: as much as it likes. What an answer may take is in [query], the number of
// series in [limits].
struct Quota {
  uint64_t requests_per_second = 0;
  uint64_t bytes_per_second = 0;  // of batches' bodies, compressed
  uint64_t samples_per_second = 0;
  uint64_t lines_per_second = 0;
  uint64_t queries_at_once = 0;
  bool operator==(const Quota&) const = default;
};
struct Quotas {
  std::chrono::seconds burst{30};  // so many seconds' worth may come at once after a pause
  Quota key;
  Quota tenant;
  bool operator==(const Quotas&) const = default;
};

// [kafka]: the log between ingest and store, and feeds for others. Without brokers: no Kafka,
// ingest stores at once.
struct KafkaFeed {  // [kafka.feeds.NAME]
  bool enabled = true;
  std::string topic;     // default: the feed's name
  std::string encoding;  // "otlp_proto", "otlp_json" or "json": what the feed can be
  bool operator==(const KafkaFeed&) const = default;
};
struct KafkaSource {  // [[kafka.sources]]: a topic of a foreign producer
  std::string topic;
  std::string encoding = "otlp_proto";  // "otlp_proto", "otlp_json" or "json"
  std::string signal = "metrics";       // of the OTLP encodings: "metrics" or "logs"
  int tenant = 1;
  bool operator==(const KafkaSource&) const = default;
};
struct Kafka {
  std::vector<std::string> brokers;              // "host:port"; empty: no Kafka
  std::string security_protocol = "plaintext";   // "ssl", "sasl_plaintext", "sasl_ssl"
  std::string sasl_mechanism = "SCRAM-SHA-512";  // "SCRAM-SHA-256", "PLAIN": default of sasl_ssl
  std::string username;
  shared::Secret password;  // or password_file
  std::string ca;           // PEM files; "": the system's authorities
  std::string cert;
  std::string key;
  std::string topic = "pgvigil.batches.v1";
  std::string dead_topic = "pgvigil.dead.v1";
  std::string group = "pgvigil-store";
  bool create_topics =
      true;              // those that are missing; else they are an error with the command to run
  int partitions = 12;   // of topics that are made
  int replication = -1;  // -1: the broker's default
  uint64_t message_limit_bytes = uint64_t{16} << 20;  // largest record; topics are made to take it
  uint64_t queue_size_bytes = uint64_t{64} << 20;     // records not yet acknowledged; above it: 503
  std::chrono::milliseconds delivery_timeout{20'000};  // no acknowledgement for so long: 503
  std::chrono::milliseconds session_timeout{30'000};   // of a member of the group
  KafkaFeed otel_metrics{true, "otel-metrics", "otlp_proto"};
  KafkaFeed raw_host_logs{true, "raw-host-logs", "otlp_json"};
  KafkaFeed raw_logs{true, "raw-logs", "json"};
  KafkaFeed raw_queries{true, "raw-queries", "json"};
  std::vector<KafkaSource> sources;
  [[nodiscard]] bool enabled() const { return !brokers.empty(); }
  bool operator==(const Kafka&) const = default;
};

// [canary]: a host that is none: the collector sends a sample to itself and reads it back
struct Canary {
  bool enabled = false;  // needs the roles ingest and query in one process
  std::string host = "pgvigil-canary";
  int tenant = 1;
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds deadline{60'000};  // acknowledged, not to be read for so long: lost
  bool operator==(const Canary&) const = default;
};

// What this process does: `roles` at the top of the file, or --role.
struct Roles {
  bool ingest = true;  // takes batches; publishes to Kafka when there is one, else stores
  bool store = true;   // with Kafka: consumes and stores; without: nothing of its own
  bool query = true;   // answers questions
  bool operator==(const Roles&) const = default;
};

// [log]
struct Log {
  shared::log::Level level = shared::log::Level::kInfo;
  shared::log::Format format = shared::log::Format::kText;
  bool operator==(const Log&) const = default;
};

struct CollectorConfig {
  Roles roles;
  Http http;
  Postgres postgres;
  Storage storage;
  Retention retention;
  Query query;
  Limits limits;
  Access access;
  Quotas quotas;
  Kafka kafka;
  Canary canary;
  Log log;
  bool operator==(const CollectorConfig&) const = default;
};

// Reads `path` and conf.d/*.toml beside it. Never fails halfway: use `config` only when ok(), else
// print `problems`. `roles`: from the command line, instead of the file's; empty: the file's.
shared::config::Loaded<CollectorConfig> LoadCollectorConfig(
    const std::string& path, const shared::config::Environment& environment,
    const std::vector<std::string>& roles = {});
// The same from texts; without any, all is default.
shared::config::Loaded<CollectorConfig> ReadCollectorConfig(
    const std::vector<shared::config::SourceFile>& files,
    const shared::config::Environment& environment, const std::vector<std::string>& roles = {});

}  // namespace collector::config
