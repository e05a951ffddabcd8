#include "collector/config/collector_config.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>
#include <utility>

#include "shared/config/reader.h"
#include "shared/config/units.h"

namespace collector::config {
namespace {

using namespace std::chrono_literals;
using shared::config::Loading;
using shared::config::Reader;
using shared::config::StringRule;

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

constexpr StringRule kOptional{.allow_empty = true};
constexpr StringRule kOptionalPath{.allow_empty = true, .absolute_path = true};

void CheckTls(Reader& section, const Tls& tls) {
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    const bool key_missing = tls.key_file.empty();
    section.AddProblem(key_missing ? "cert_file" : "key_file",
                       fmt::format("needs {} beside it", key_missing ? "key_file" : "cert_file"));
  }
  if (!tls.client_ca_file.empty() && tls.cert_file.empty()) {
    section.AddProblem("client_ca_file", "needs cert_file and key_file beside it");
  }
  const bool asks_clients = tls.client_certificates != "none";
  if (asks_clients && tls.client_ca_file.empty()) {
    section.AddProblem("client_certificates",
                       fmt::format("{} needs client_ca_file", tls.client_certificates));
  }
  if (!tls.ingest_names.empty() && !asks_clients) {
    section.AddProblem("ingest_names", "needs client_ca_file: nobody else shows a name");
  }
  for (const std::string& name : tls.ingest_names) {
    if (!name.starts_with("DNS:") && !name.starts_with("URI:") && !name.starts_with("email:") &&
        !name.starts_with("IP:")) {
      section.AddProblem("ingest_names",
                         fmt::format("'{}': expected DNS:, URI:, email: or IP: in front", name));
    }
  }
}

void ReadTls(Reader section, Tls& out) {
  constexpr std::array<std::string_view, 3> kClients = {"none", "optional", "required"};
  constexpr std::array<std::string_view, 2> kVersions = {"1.2", "1.3"};
  section.String("cert_file", out.cert_file, kOptionalPath);
  section.String("key_file", out.key_file, kOptionalPath);
  section.String("client_ca_file", out.client_ca_file, kOptionalPath);
  if (!out.client_ca_file.empty()) out.client_certificates = "required";
  section.Choice("client_certificates", out.client_certificates, kClients);
  section.Strings("ingest_names", out.ingest_names);
  section.Choice("min_version", out.min_version, kVersions);
  section.Duration("handshake_timeout", out.handshake_timeout, {.min = 100ms, .max = 5min});
  section.Duration("check_interval", out.check_interval, {.min = 100ms, .max = 24h});
  section.RejectUnknownKeys();
  CheckTls(section, out);
}

void ReadHttp(Reader section, Http& out) {
  section.Listen("listen", out.listen, /*loopback_only=*/false);
  section.Integer("threads", out.threads, {.min = 1, .max = 64});
  section.Bytes("header_limit", out.header_limit_bytes, {.min = 1 * kKiB, .max = 1 * kMiB});
  section.Bytes("body_limit", out.body_limit_bytes, {.min = 64 * kKiB, .max = 1 * kGiB});
  section.Bytes("decompressed_limit", out.decompressed_limit_bytes,
                {.min = 64 * kKiB, .max = 4 * kGiB});
  section.Bytes("bodies_in_flight_limit", out.bodies_in_flight_limit_bytes,
                {.min = 1 * kMiB, .max = 64 * kGiB});
  section.Integer("connections", out.connections, {.min = 1, .max = 1'000'000});
  section.Integer("connections_per_address", out.connections_per_address,
                  {.min = 1, .max = 1'000'000});
  section.Duration("header_timeout", out.header_timeout, {.min = 1s, .max = 5min});
  section.Duration("body_timeout", out.body_timeout, {.min = 1s, .max = 1h});
  section.Duration("idle_timeout", out.idle_timeout, {.min = 1s, .max = 1h});
  section.Duration("response_timeout", out.response_timeout, {.min = 1s, .max = 1h});
  ReadTls(section.Section("tls"), out.tls);
  section.RejectUnknownKeys();
  if (out.bodies_in_flight_limit_bytes < out.body_limit_bytes) {
    section.AddProblem(
        "bodies_in_flight_limit",
        fmt::format("{} must not be below body_limit ({}), or no body of that size is ever taken",
                    shared::config::FormatBytes(out.bodies_in_flight_limit_bytes),
                    shared::config::FormatBytes(out.body_limit_bytes)));
  }
}

bool IsThisMachine(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host.starts_with("127.") || host == "::1";
}

void ReadPostgres(Reader section, Postgres& out) {
  constexpr std::array<std::string_view, 6> kSslModes = {"disable", "allow",     "prefer",
                                                         "require", "verify-ca", "verify-full"};
  section.String("host", out.host, kOptional);
  section.Integer("port", out.port, {.min = 1, .max = 65535});
  section.String("database", out.database);
  section.String("user", out.user);
  section.Secret("password", out.password);
  section.String("replica_host", out.replica_host, kOptional);
  section.Integer("replica_port", out.replica_port, {.min = 1, .max = 65535});
  section.Duration("replica_max_lag", out.replica_max_lag, {.min = 1s, .max = 24h});
  if (!IsThisMachine(out.host) || !IsThisMachine(out.replica_host)) out.sslmode = "verify-full";
  section.Choice("sslmode", out.sslmode, kSslModes);
  section.String("sslrootcert", out.sslrootcert, kOptionalPath);
  section.String("sslcert", out.sslcert, kOptionalPath);
  section.String("sslkey", out.sslkey, kOptionalPath);
  section.Duration("connect_timeout", out.connect_timeout, {.min = 100ms, .max = 5min});
  section.Integer("writers", out.writers, {.min = 1, .max = 64});
  section.Integer("readers", out.readers, {.min = 1, .max = 256});
  section.RejectUnknownKeys();
  if (out.sslcert.empty() != out.sslkey.empty()) {
    const bool key_missing = out.sslkey.empty();
    section.AddProblem(key_missing ? "sslcert" : "sslkey",
                       fmt::format("needs {} beside it", key_missing ? "sslkey" : "sslcert"));
  }
}

void ReadStorage(Reader section, Storage& out) {
  section.Integer("group_batches", out.group_batches, {.min = 1, .max = 10'000});
  section.Duration("group_wait", out.group_wait, {.min = 0ms, .max = 10s});
  section.Bytes("queue_size", out.queue_size_bytes, {.min = 1 * kMiB, .max = 64 * kGiB});
  section.Integer("partitions_ahead", out.partitions_ahead, {.min = 1, .max = 366});
  section.Duration("newest_window", out.newest_window, {.min = 1min, .max = 24h});
  section.Bytes("newest_size", out.newest_size_bytes, {.min = 0, .max = 1024 * kGiB});
  section.RejectUnknownKeys();
}

void ReadRetention(Reader section, Retention& out) {
  constexpr shared::config::DurationBounds kBounds{.min = 1h, .max = 24h * 36'500};
  section.Duration("blocks", out.blocks, kBounds);
  section.Duration("chunks", out.chunks, kBounds);
  section.Duration("rollups_5m", out.rollups_5m, kBounds);
  section.Duration("rollups_1h", out.rollups_1h, kBounds);
  section.Duration("logs", out.logs, kBounds);
  section.Duration("log_events", out.log_events, kBounds);
  section.Duration("statements", out.statements, kBounds);
  section.Duration("statement_hours", out.statement_hours, kBounds);
  section.Bytes("size", out.size_bytes);
  section.String("disk_path", out.disk_path, kOptionalPath);
  section.Bytes("min_free", out.min_free_bytes);
  section.RejectUnknownKeys();
}

void ReadQuery(Reader section, Query& out) {
  section.Duration("timeout", out.timeout, {.min = 100ms, .max = 1h});
  section.Integer("max_rows", out.max_rows, {.min = 1, .max = 10'000'000});
  section.Integer("max_samples", out.max_samples, {.min = 1'000, .max = 1'000'000'000});
  section.Integer("concurrency", out.concurrency, {.min = 1, .max = 1'000});
  section.RejectUnknownKeys();
}

void ReadLimits(Reader section, Limits& out) {
  section.Integer("series_per_agent", out.series_per_agent, {.min = 1, .max = 100'000'000});
  section.Integer("series_per_tenant", out.series_per_tenant, {.min = 1, .max = 1'000'000'000});
  section.Integer("layouts_per_hour", out.layouts_per_hour, {.min = 1, .max = 1'000'000});
  section.Integer("labels_per_series", out.labels_per_series, {.min = 1, .max = 1'000});
  section.Bytes("label_name_limit", out.label_name_limit_bytes, {.min = 16, .max = 64 * kKiB});
  section.Bytes("label_value_limit", out.label_value_limit_bytes, {.min = 16, .max = 1 * kMiB});
  section.Duration("future_skew", out.future_skew, {.min = 1s, .max = 24h * 365});
  section.RejectUnknownKeys();
}

void ReadAccess(Reader section, const Http& http, Access& out) {
  constexpr std::pair<std::string_view, Keys> kKeys[] = {
      {"auto", Keys::kAuto}, {"required", Keys::kRequired}, {"none", Keys::kNone}};
  section.Enum<Keys>("keys", out.keys, kKeys);
  section.Bool("open_metrics", out.open_metrics);
  section.RejectUnknownKeys();
  if (out.keys == Keys::kNone && !shared::config::IsLoopback(http.listen)) {
    section.AddProblem("keys",
                       fmt::format("'none' lets everybody in who reaches {}: it needs a loopback "
                                   "address in http.listen",
                                   shared::config::FormatListenAddress(http.listen)));
  }
}

void ReadQuota(Reader section, Quota& out) {
  constexpr uint64_t kMost = 1'000'000'000'000;
  section.Integer("requests_per_second", out.requests_per_second, {.min = 0, .max = kMost});
  section.Bytes("bytes_per_second", out.bytes_per_second, {.min = 0, .max = 1024 * kGiB});
  section.Integer("samples_per_second", out.samples_per_second, {.min = 0, .max = kMost});
  section.Integer("lines_per_second", out.lines_per_second, {.min = 0, .max = kMost});
  section.Integer("queries_at_once", out.queries_at_once, {.min = 0, .max = 1'000'000});
  section.RejectUnknownKeys();
}

void ReadQuotas(Reader section, Quotas& out) {
  section.Duration("burst", out.burst, {.min = 1s, .max = 1h});
  ReadQuota(section.Section("key"), out.key);
  ReadQuota(section.Section("tenant"), out.tenant);
  section.RejectUnknownKeys();
}

bool IsHostAndPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = text.substr(colon + 1);
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() && number >= 1 && number <= 65535;
}

// A topic name as Kafka takes it.
void ReadTopic(Reader& section, std::string_view key, std::string& out) {
  section.String(key, out);
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (out.size() > 249 || out == "." || out == ".." ||
      out.find_first_not_of(kAllowed) != std::string::npos) {
    section.AddProblem(key, fmt::format("'{}': expected a topic: up to 249 letters, digits, '.', "
                                        "'_' and '-'",
                                        out));
  }
}

void ReadFeed(Reader section, KafkaFeed& out, std::span<const std::string_view> encodings) {
  section.Bool("enabled", out.enabled);
  ReadTopic(section, "topic", out.topic);
  section.Choice("encoding", out.encoding, encodings);
  section.RejectUnknownKeys();
}

void ReadSource(Reader section, KafkaSource& out) {
  constexpr std::array<std::string_view, 3> kEncodings = {"otlp_proto", "otlp_json", "json"};
  constexpr std::array<std::string_view, 2> kSignals = {"metrics", "logs"};
  ReadTopic(section, "topic", out.topic);
  if (!section.Has("topic")) section.AddProblem("topic", "required: the topic to read");
  section.Choice("encoding", out.encoding, kEncodings);
  section.Choice("signal", out.signal, kSignals);
  section.Integer("tenant", out.tenant, {.min = 1});
  section.RejectUnknownKeys();
  if (out.encoding == "json" && out.signal != "metrics") {
    section.AddProblem("signal", "plain JSON carries metrics only");
  }
}

void CheckKafkaSecurity(Reader& section, const Kafka& kafka) {
  const bool sasl = kafka.security_protocol.starts_with("sasl");
  if (sasl && (kafka.username.empty() || kafka.password.Reveal().empty())) {
    section.AddProblem("security_protocol",
                       fmt::format("{} needs username and password", kafka.security_protocol));
  }
  if (kafka.cert.empty() != kafka.key.empty()) {
    section.AddProblem(kafka.cert.empty() ? "key" : "cert",
                       fmt::format("needs {} beside it", kafka.cert.empty() ? "cert" : "key"));
  }
}

void ReadKafka(Reader section, Kafka& out) {
  constexpr std::array<std::string_view, 4> kProtocols = {"plaintext", "ssl", "sasl_plaintext",
                                                          "sasl_ssl"};
  constexpr std::array<std::string_view, 3> kMechanisms = {"PLAIN", "SCRAM-SHA-256",
                                                           "SCRAM-SHA-512"};
  constexpr std::array<std::string_view, 2> kOtlp = {"otlp_proto", "otlp_json"};
  constexpr std::array<std::string_view, 1> kJson = {"json"};
  section.Strings("brokers", out.brokers);
  for (const std::string& broker : out.brokers) {
    if (!IsHostAndPort(broker)) {
      section.AddProblem("brokers", fmt::format("'{}': expected host:port", broker));
    }
  }
  section.Choice("security_protocol", out.security_protocol, kProtocols);
  // What every broker takes, where nobody can read it.
  if (out.security_protocol == "sasl_ssl") out.sasl_mechanism = "PLAIN";
  section.Choice("sasl_mechanism", out.sasl_mechanism, kMechanisms);
  section.String("username", out.username, kOptional);
  section.Secret("password", out.password);
  section.String("ca", out.ca, kOptionalPath);
  section.String("cert", out.cert, kOptionalPath);
  section.String("key", out.key, kOptionalPath);
  ReadTopic(section, "topic", out.topic);
  ReadTopic(section, "dead_topic", out.dead_topic);
  section.String("group", out.group);
  section.Bool("create_topics", out.create_topics);
  section.Integer("partitions", out.partitions, {.min = 1, .max = 10'000});
  section.Integer("replication", out.replication, {.min = -1, .max = 100});
  section.Bytes("message_limit", out.message_limit_bytes, {.min = 64 * kKiB, .max = 1 * kGiB});
  section.Bytes("queue_size", out.queue_size_bytes, {.min = 1 * kMiB, .max = 64 * kGiB});
  section.Duration("delivery_timeout", out.delivery_timeout, {.min = 1s, .max = 10min});
  section.Duration("session_timeout", out.session_timeout, {.min = 6s, .max = 30min});
  Reader feeds = section.Section("feeds");
  ReadFeed(feeds.Section("otel-metrics"), out.otel_metrics, kOtlp);
  ReadFeed(feeds.Section("raw-host-logs"), out.raw_host_logs, kOtlp);
  ReadFeed(feeds.Section("raw-logs"), out.raw_logs, kJson);
  ReadFeed(feeds.Section("raw-queries"), out.raw_queries, kJson);
  feeds.RejectUnknownKeys();
  if (section.Has("sources")) {
    for (Reader& source : section.Sections("sources")) {
      ReadSource(source, out.sources.emplace_back());
    }
  }
  section.RejectUnknownKeys();
  CheckKafkaSecurity(section, out);
}

void ReadRoles(Reader& root, const std::vector<std::string>& given, Roles& out) {
  std::vector<std::string> names = {"ingest", "store", "query"};
  root.Strings("roles", names);
  if (!given.empty()) names = given;
  out = {false, false, false};
  for (const std::string& name : names) {
    if (name == "ingest") {
      out.ingest = true;
    } else if (name == "store") {
      out.store = true;
    } else if (name == "query") {
      out.query = true;
    } else {
      root.AddProblem("roles", fmt::format("'{}': expected ingest, store or query", name));
    }
  }
  if (names.empty()) root.AddProblem("roles", "expected at least one of ingest, store and query");
}

void ReadCanary(Reader section, Canary& out) {
  section.Bool("enabled", out.enabled);
  section.String("host", out.host);
  section.Integer("tenant", out.tenant, {.min = 1});
  section.Duration("interval", out.interval, {.min = 100ms, .max = 10min});
  section.Duration("deadline", out.deadline, {.min = 1s, .max = 1h});
  section.RejectUnknownKeys();
}

void ReadLog(Reader section, Log& out) {
  using shared::log::Format;
  using shared::log::Level;
  constexpr std::pair<std::string_view, Level> kLevels[] = {{"debug", Level::kDebug},
                                                            {"info", Level::kInfo},
                                                            {"warn", Level::kWarn},
                                                            {"error", Level::kError}};
  section.Enum<Level>("level", out.level, kLevels);
  constexpr std::pair<std::string_view, Format> kFormats[] = {
      {"text", Format::kText}, {"logfmt", Format::kLogfmt}, {"json", Format::kJson}};
  section.Enum<Format>("format", out.format, kFormats);
  section.RejectUnknownKeys();
}

}  // namespace

shared::config::Loaded<CollectorConfig> ReadCollectorConfig(
    const std::vector<shared::config::SourceFile>& files,
    const shared::config::Environment& environment, const std::vector<std::string>& roles) {
  Loading loading(files, environment);
  Reader root(loading);
  CollectorConfig out;
  ReadRoles(root, roles, out.roles);
  ReadHttp(root.Section("http"), out.http);
  ReadPostgres(root.Section("postgres"), out.postgres);
  ReadStorage(root.Section("storage"), out.storage);
  ReadRetention(root.Section("retention"), out.retention);
  ReadQuery(root.Section("query"), out.query);
  ReadLimits(root.Section("limits"), out.limits);
  ReadAccess(root.Section("access"), out.http, out.access);
  ReadQuotas(root.Section("quotas"), out.quotas);
  ReadKafka(root.Section("kafka"), out.kafka);
  if (out.roles.store && !out.roles.ingest && !out.kafka.enabled()) {
    root.AddProblem("roles",
                    "the role store moves batches from Kafka: it needs kafka.brokers, or "
                    "the role ingest beside it");
  }
  ReadCanary(root.Section("canary"), out.canary);
  ReadLog(root.Section("log"), out.log);
  root.RejectUnknownKeys();
  return {std::move(out), std::move(loading.problems), std::move(loading.settings)};
}

shared::config::Loaded<CollectorConfig> LoadCollectorConfig(
    const std::string& path, const shared::config::Environment& environment,
    const std::vector<std::string>& roles) {
  return ReadCollectorConfig(shared::config::ReadSourceFiles(path), environment, roles);
}

}  // namespace collector::config
