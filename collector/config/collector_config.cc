#include "collector/config/collector_config.h"

#include <fmt/format.h>

#include <array>
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
  if (!IsThisMachine(out.host)) out.sslmode = "verify-full";
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
  section.Integer("labels_per_series", out.labels_per_series, {.min = 1, .max = 1'000});
  section.Bytes("label_name_limit", out.label_name_limit_bytes, {.min = 16, .max = 64 * kKiB});
  section.Bytes("label_value_limit", out.label_value_limit_bytes, {.min = 16, .max = 1 * kMiB});
  section.Duration("future_skew", out.future_skew, {.min = 1s, .max = 24h * 365});
  section.RejectUnknownKeys();
}

void ReadLog(Reader section, Log& out) {
  using shared::log::Level;
  constexpr std::pair<std::string_view, Level> kLevels[] = {{"debug", Level::kDebug},
                                                            {"info", Level::kInfo},
                                                            {"warn", Level::kWarn},
                                                            {"error", Level::kError}};
  section.Enum<Level>("level", out.level, kLevels);
  section.RejectUnknownKeys();
}

}  // namespace

shared::config::Loaded<CollectorConfig> ReadCollectorConfig(
    const std::vector<shared::config::SourceFile>& files,
    const shared::config::Environment& environment) {
  Loading loading(files, environment);
  Reader root(loading);
  CollectorConfig out;
  ReadHttp(root.Section("http"), out.http);
  ReadPostgres(root.Section("postgres"), out.postgres);
  ReadStorage(root.Section("storage"), out.storage);
  ReadQuery(root.Section("query"), out.query);
  ReadLimits(root.Section("limits"), out.limits);
  ReadLog(root.Section("log"), out.log);
  root.RejectUnknownKeys();
  return {std::move(out), std::move(loading.problems), std::move(loading.settings)};
}

shared::config::Loaded<CollectorConfig> LoadCollectorConfig(
    const std::string& path, const shared::config::Environment& environment) {
  return ReadCollectorConfig(shared::config::ReadSourceFiles(path), environment);
}

}  // namespace collector::config
