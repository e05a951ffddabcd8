#include "collector/config/collector_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace collector::config {
namespace {

using namespace std::chrono_literals;
using shared::config::Loaded;
using shared::config::Setting;
using shared::config::SourceFile;

Loaded<CollectorConfig> Read(std::string text) {
  return ReadCollectorConfig({SourceFile{"collector.toml", std::move(text)}}, {});
}

std::string Example() {
  shared::Result<std::string> text =
      shared::ReadFile(PGVIGIL_SOURCE "/collector/config/collector.toml.example");
  EXPECT_TRUE(text) << text.error().message;
  return text.value_or("");
}

// With every "#key = value" in force.
std::string Uncommented(const std::string& text) {
  std::string out;
  for (shared::text::LineCursor lines(text); lines.Next();) {
    std::string_view line = lines.line();
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.remove_prefix(1);
    out.append(line).push_back('\n');
  }
  return out;
}

TEST(CollectorConfig, NeedsNothing) {
  const Loaded<CollectorConfig> loaded = Read("");
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config == CollectorConfig());
}

TEST(CollectorConfig, ExampleGivesTheDefaultsAlsoUncommented) {
  for (const std::string& text : {Example(), Uncommented(Example())}) {
    const Loaded<CollectorConfig> loaded = Read(text);
    EXPECT_EQ(loaded.problems.ToText(), "");
    EXPECT_TRUE(loaded.config == CollectorConfig());
  }
}

TEST(CollectorConfig, ExampleNamesEveryKey) {
  const Loaded<CollectorConfig> loaded = Read(Uncommented(Example()));
  std::vector<std::string> only_in_code;
  for (const Setting& setting : loaded.settings.all()) {
    if (setting.origin == "default") only_in_code.push_back(setting.key);
  }
  EXPECT_THAT(only_in_code, testing::ElementsAre("postgres.password", "kafka.password"));
  EXPECT_NE(Example().find("\n# password = "), std::string::npos);
}

TEST(CollectorConfig, ReadsEverySection) {
  const Loaded<CollectorConfig> loaded = Read(R"(
roles = ["ingest", "query"]
[http]
listen = "[::]:80"
threads = 3
header_limit = "8KiB"
body_limit = "1MiB"
decompressed_limit = "2MiB"
bodies_in_flight_limit = "3MiB"
connections = 5
connections_per_address = 6
header_timeout = "1s"
body_timeout = "2s"
idle_timeout = "3s"
response_timeout = "4s"
[http.tls]
cert_file = "/cert"
key_file = "/key"
client_ca_file = "/ca"
ingest_names = ["DNS:*.db"]
min_version = "1.3"
handshake_timeout = "5s"
check_interval = "6s"
[postgres]
host = "db.internal"
port = 5433
database = "d"
user = "u"
password = "geheim"
sslrootcert = "/r"
sslcert = "/c"
sslkey = "/k"
connect_timeout = "1s"
writers = 7
readers = 8
replica_host = "pg2.example"
replica_port = 5434
replica_max_lag = "10s"
[storage]
group_batches = 9
group_wait = "0s"
queue_size = "10MiB"
partitions_ahead = 11
newest_window = "2h"
newest_size = "0B"
[retention]
blocks = "31h"
chunks = "32h"
rollups_5m = "33h"
rollups_1h = "34h"
logs = "35h"
log_events = "36h"
statements = "37h"
statement_hours = "38h"
size = "39GiB"
disk_path = "/disk"
min_free = "40MiB"
[query]
timeout = "12s"
max_rows = 13
max_samples = 1400
concurrency = 15
[limits]
series_per_agent = 16
series_per_tenant = 160
layouts_per_hour = 6
labels_per_series = 17
label_name_limit = "18B"
label_value_limit = "19B"
future_skew = "20s"
[access]
keys = "required"
open_metrics = true
[quotas]
burst = "41s"
[quotas.key]
requests_per_second = 42
bytes_per_second = "43B"
samples_per_second = 44
lines_per_second = 45
queries_at_once = 46
[quotas.tenant]
samples_per_second = 47
[kafka]
brokers = ["k1:9092", "k2:9093"]
security_protocol = "sasl_ssl"
sasl_mechanism = "SCRAM-SHA-256"
username = "u"
password = "kennwort"
ca = "/ca"
cert = "/cert"
key = "/key"
topic = "t"
dead_topic = "d"
group = "g"
create_topics = false
partitions = 21
replication = 22
message_limit = "23MiB"
queue_size = "24MiB"
delivery_timeout = "25s"
session_timeout = "26s"
[kafka.feeds.otel-metrics]
enabled = false
encoding = "otlp_json"
[kafka.feeds.raw-logs]
topic = "pg-logs"
[[kafka.sources]]
topic = "s1"
encoding = "json"
tenant = 27
[[kafka.sources]]
topic = "s2"
signal = "logs"
[canary]
enabled = true
host = "kanarie"
tenant = 28
interval = "29s"
deadline = "30s"
[log]
level = "error"
format = "logfmt"
)");
  CollectorConfig expected;
  expected.roles.store = false;
  expected.http = {.listen = {"::", 80},
                   .threads = 3,
                   .header_limit_bytes = 8 << 10,
                   .body_limit_bytes = 1 << 20,
                   .decompressed_limit_bytes = 2 << 20,
                   .bodies_in_flight_limit_bytes = 3 << 20,
                   .connections = 5,
                   .connections_per_address = 6,
                   .header_timeout = 1s,
                   .body_timeout = 2s,
                   .idle_timeout = 3s,
                   .response_timeout = 4s,
                   .tls = {.cert_file = "/cert",
                           .key_file = "/key",
                           .client_ca_file = "/ca",
                           .client_certificates = "required",
                           .ingest_names = {"DNS:*.db"},
                           .min_version = "1.3",
                           .handshake_timeout = 5s,
                           .check_interval = 6s}};
  expected.postgres = {.host = "db.internal",
                       .port = 5433,
                       .database = "d",
                       .user = "u",
                       .password = shared::Secret("geheim"),
                       .sslmode = "verify-full",  // another machine
                       .sslrootcert = "/r",
                       .sslcert = "/c",
                       .sslkey = "/k",
                       .connect_timeout = 1s,
                       .writers = 7,
                       .readers = 8,
                       .replica_host = "pg2.example",
                       .replica_port = 5434,
                       .replica_max_lag = std::chrono::seconds(10)};
  expected.storage = {.group_batches = 9,
                      .group_wait = 0ms,
                      .queue_size_bytes = 10 << 20,
                      .partitions_ahead = 11,
                      .newest_window = 2h,
                      .newest_size_bytes = 0};
  expected.retention = {.blocks = 31h,
                        .chunks = 32h,
                        .rollups_5m = 33h,
                        .rollups_1h = 34h,
                        .logs = 35h,
                        .log_events = 36h,
                        .statements = 37h,
                        .statement_hours = 38h,
                        .size_bytes = uint64_t{39} << 30,
                        .disk_path = "/disk",
                        .min_free_bytes = 40 << 20};
  expected.query = {.timeout = 12s, .max_rows = 13, .max_samples = 1400, .concurrency = 15};
  expected.limits = {.series_per_agent = 16,
                     .series_per_tenant = 160,
                     .layouts_per_hour = 6,
                     .labels_per_series = 17,
                     .label_name_limit_bytes = 18,
                     .label_value_limit_bytes = 19,
                     .future_skew = 20s};
  expected.quotas.burst = 41s;
  expected.quotas.key = {42, 43, 44, 45, 46};
  expected.quotas.tenant.samples_per_second = 47;
  expected.access = {.keys = Keys::kRequired, .open_metrics = true};
  expected.kafka = {.brokers = {"k1:9092", "k2:9093"},
                    .security_protocol = "sasl_ssl",
                    .sasl_mechanism = "SCRAM-SHA-256",
                    .username = "u",
                    .password = shared::Secret("kennwort"),
                    .ca = "/ca",
                    .cert = "/cert",
                    .key = "/key",
                    .topic = "t",
                    .dead_topic = "d",
                    .group = "g",
                    .create_topics = false,
                    .partitions = 21,
                    .replication = 22,
                    .message_limit_bytes = 23 << 20,
                    .queue_size_bytes = 24 << 20,
                    .delivery_timeout = 25s,
                    .session_timeout = 26s,
                    .otel_metrics = {false, "otel-metrics", "otlp_json"},
                    .raw_logs = {true, "pg-logs", "json"},
                    .sources = {{"s1", "json", "metrics", 27}, {"s2", "otlp_proto", "logs", 1}}};
  expected.canary = {
      .enabled = true, .host = "kanarie", .tenant = 28, .interval = 29s, .deadline = 30s};
  expected.log.level = shared::log::Level::kError;
  expected.log.format = shared::log::Format::kLogfmt;
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config == expected);
}

TEST(CollectorConfig, OldestTimestampIsTheYear2000) {
  EXPECT_EQ(shared::ToUnixNanos(Limits::kOldest), 946'684'800'000'000'000);
}

TEST(CollectorConfig, ChecksWhatBelongsTogether) {
  const auto expect_problem = [](const std::string& text, std::string_view key,
                                 std::string_view message) {
    const auto problems = Read(text).problems.Sorted();
    ASSERT_EQ(problems.size(), 1u) << text;
    EXPECT_EQ(problems[0].key, key);
    EXPECT_EQ(problems[0].message, message);
  };
  expect_problem("[postgres]\nsslcert = \"/c\"", "postgres.sslcert", "needs sslkey beside it");
  expect_problem("[postgres]\nsslkey = \"/c\"", "postgres.sslkey", "needs sslcert beside it");
  expect_problem("[http.tls]\ncert_file = \"/c\"", "http.tls.cert_file",
                 "needs key_file beside it");
  expect_problem("[http.tls]\nkey_file = \"/k\"", "http.tls.key_file", "needs cert_file beside it");
  expect_problem("[http.tls]\nclient_ca_file = \"/a\"", "http.tls.client_ca_file",
                 "needs cert_file and key_file beside it");
  expect_problem("[http.tls]\nclient_certificates = \"optional\"", "http.tls.client_certificates",
                 "optional needs client_ca_file");
  expect_problem("[http.tls]\ningest_names = [\"DNS:a\"]", "http.tls.ingest_names",
                 "needs client_ca_file: nobody else shows a name");
  expect_problem(
      "[http.tls]\ncert_file = \"/c\"\nkey_file = \"/k\"\nclient_ca_file = \"/a\"\n"
      "ingest_names = [\"db1\"]",
      "http.tls.ingest_names", "'db1': expected DNS:, URI:, email: or IP: in front");
  expect_problem("roles = []", "roles", "expected at least one of ingest, store and query");
  expect_problem("roles = [\"query\", \"stor\"]", "roles",
                 "'stor': expected ingest, store or query");
  expect_problem("roles = [\"store\"]", "roles",
                 "the role store moves batches from Kafka: it needs kafka.brokers, or the role "
                 "ingest beside it");
  expect_problem("[kafka]\nbrokers = [\"k1\"]", "kafka.brokers", "'k1': expected host:port");
  expect_problem("[kafka]\ntopic = \"a b\"", "kafka.topic",
                 "'a b': expected a topic: up to 249 letters, digits, '.', '_' and '-'");
  expect_problem("[kafka]\nsecurity_protocol = \"sasl_ssl\"", "kafka.security_protocol",
                 "sasl_ssl needs username and password");
  expect_problem("[kafka]\ncert = \"/c\"", "kafka.cert", "needs key beside it");
  expect_problem("[[kafka.sources]]\nencoding = \"json\"", "kafka.sources[0].topic",
                 "required: the topic to read");
  expect_problem("[[kafka.sources]]\nencoding = \"json\"\nsignal = \"logs\"\ntopic = \"t\"",
                 "kafka.sources[0].signal", "plain JSON carries metrics only");
  expect_problem("[http]\nlisten = \"0.0.0.0:8480\"\n[access]\nkeys = \"none\"", "access.keys",
                 "'none' lets everybody in who reaches 0.0.0.0:8480: it needs a loopback address "
                 "in http.listen");
  expect_problem(
      "[http]\nbody_limit = \"512MiB\"", "http.bodies_in_flight_limit",
      "256MiB must not be below body_limit (512MiB), or no body of that size is ever taken");
}

TEST(CollectorConfig, SendsAPasswordAsItIsInsideOfTlsOnly) {
  const auto mechanism = [](const std::string& protocol) {
    return Read("[kafka]\nusername = \"u\"\npassword = \"p\"\nsecurity_protocol = \"" + protocol +
                "\"\n")
        .config.kafka.sasl_mechanism;
  };
  EXPECT_EQ(mechanism("sasl_ssl"), "PLAIN");
  EXPECT_EQ(mechanism("sasl_plaintext"), "SCRAM-SHA-512");
}

TEST(CollectorConfig, TakesRolesOfTheCommandLineInstead) {
  const Loaded<CollectorConfig> loaded = ReadCollectorConfig(
      {{"collector.toml", "roles = [\"store\"]"}}, shared::config::Environment(), {"query"});
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_FALSE(loaded.config.roles.ingest);
  EXPECT_FALSE(loaded.config.roles.store);
  EXPECT_TRUE(loaded.config.roles.query);
}

}  // namespace
}  // namespace collector::config
