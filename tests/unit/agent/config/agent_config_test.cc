#include "agent/config/agent_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace agent::config {
namespace {

using namespace std::chrono_literals;
using shared::config::Loaded;
using shared::config::Setting;
using shared::config::SourceFile;

constexpr std::string_view kUrl = "[collector]\nurl = \"https://collector.internal:8480\"\n";

Loaded<AgentConfig> Read(std::string text) {
  return ReadAgentConfig({SourceFile{"agent.toml", std::move(text)}}, {});
}

// What a file with nothing but the collector's URL gives.
AgentConfig Defaults() {
  AgentConfig out;
  out.collector.url = "https://collector.internal:8480";
  out.postgres.emplace_back();
  out.spool.directory = "/var/lib/pgvigil-agent/spool";
  return out;
}

std::string Example() {
  shared::Result<std::string> text =
      shared::ReadFile(PGVIGIL_SOURCE "/agent/config/agent.toml.example");
  EXPECT_TRUE(text) << text.error().message;
  std::string out = text.value_or("");
  constexpr std::string_view kPlaceholder = "https://collector.example.com:8480";
  const size_t at = out.find(kPlaceholder);
  EXPECT_NE(at, std::string::npos);
  return out.replace(at, kPlaceholder.size(), "https://collector.internal:8480");
}

// With every "#key = value" and "#[section]" in force.
std::string Uncommented(const std::string& text) {
  std::string out;
  for (shared::text::LineCursor lines(text); lines.Next();) {
    std::string_view line = lines.line();
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.remove_prefix(1);
    out.append(line).push_back('\n');
  }
  return out;
}

TEST(AgentConfig, NeedsNothingButTheCollectorsUrl) {
  const Loaded<AgentConfig> loaded = Read(std::string(kUrl));
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config == Defaults());
}

TEST(AgentConfig, ExampleAsItStandsGivesTheDefaults) {
  const Loaded<AgentConfig> loaded = Read(Example());
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config == Defaults());
}

TEST(AgentConfig, ExampleUncommentedGivesTheDefaults) {
  const Loaded<AgentConfig> loaded = Read(Uncommented(Example()));
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config == Defaults());
}

TEST(AgentConfig, ExampleNamesEveryKey) {
  const Loaded<AgentConfig> loaded = Read(Uncommented(Example()));
  std::vector<std::string> only_in_code;
  for (const Setting& setting : loaded.settings.all()) {
    if (setting.origin == "default") only_in_code.push_back(setting.key);
  }
  // These have no default value, so that they stand in the example as "# key = value".
  EXPECT_THAT(only_in_code,
              testing::ElementsAre("collector.api_key", "agent.labels", "postgres[0].password"));
  for (const std::string_view line : {"\n# api_key = ", "\n# labels = ", "\n# password = "}) {
    EXPECT_NE(Example().find(line), std::string::npos) << line;
  }
}

TEST(AgentConfig, ReadsEverySection) {
  const Loaded<AgentConfig> loaded = Read(R"(
[collector]
url = "http://10.0.0.1:8480/"
api_key = "pgv_1_x"
ca_file = "/ca.pem"
cert_file = "/cert.pem"
key_file = "/key.pem"
verify = false
timeout = "5s"
proxy = "http://u:p@proxy:3128"
[agent]
state_dir = "/state"
host_name = "db1"
log_level = "debug"
log_format = "json"
proc_root = "/host/proc"
sys_root = "/host/sys"
shutdown_timeout = "1500ms"
labels = { env = "prod" }
[metrics]
batch = "10s"
[host]
enabled = false
interval = "1s"
ignore_filesystem_types = []
ignore_mount_points = ["/a"]
ignore_devices = ["b"]
ignore_interfaces = ["c"]
per_cpu = false
[[postgres]]
name = "one"
[[postgres]]
name = "two"
enabled = false
host = "10.0.0.2"
port = 5433
user = "u"
database = "d"
password = "geheim"
sslrootcert = "/root.pem"
interval = "20s"
sizes_interval = "1h"
allow_superuser = true
statement_timeout = "1s"
lock_timeout = "10ms"
statements = { enabled = false, interval = "1m", text_interval = "1h", text_limit = "1KiB", text_budget = "64KiB" }
logs = { enabled = false }
[syslog]
enabled = false
path = "/var/log/all"
[spool]
metrics_limit = "8MiB"
statements_limit = "4MiB"
segment_size = "1MiB"
[logs]
allow_literals = true
record_limit = "4KiB"
batch_size = "8KiB"
batch_interval = "100ms"
queue_size = "128KiB"
[status]
listen = "[::1]:9187"
)");
  AgentConfig expected;
  expected.collector = {.url = "http://10.0.0.1:8480",
                        .api_key = shared::Secret("pgv_1_x"),
                        .ca_file = "/ca.pem",
                        .cert_file = "/cert.pem",
                        .key_file = "/key.pem",
                        .verify = false,
                        .timeout = 5s,
                        .proxy = "http://u:p@proxy:3128"};
  expected.agent = {.state_dir = "/state",
                    .host_name = "db1",
                    .log_level = shared::log::Level::kDebug,
                    .log_format = shared::log::Format::kJson,
                    .proc_root = "/host/proc",
                    .sys_root = "/host/sys",
                    .shutdown_timeout = 1500ms,
                    .labels = {{"env", "prod"}}};
  expected.metrics.batch = 10s;
  expected.host = {
      .enabled = false,
      .interval = 1s,
      .ignore_filesystem_types = {},
      .ignore_mount_points = {"/a"},
      .ignore_devices = {"b"},
      .ignore_interfaces = {"c"},
      .per_cpu = false,
  };
  expected.postgres.resize(2);
  expected.postgres[0].name = "one";
  PostgresTarget& two = expected.postgres[1];
  two.name = "two";
  two.enabled = false;
  two.host = "10.0.0.2";
  two.port = 5433;
  two.user = "u";
  two.database = "d";
  two.password = shared::Secret("geheim");
  two.sslmode = "verify-full";  // another machine
  two.sslrootcert = "/root.pem";
  two.interval = 20s;
  two.sizes_interval = 1h;
  two.allow_superuser = true;
  two.statement_timeout = 1s;
  two.lock_timeout = 10ms;
  two.statements = {.enabled = false,
                    .interval = 1min,
                    .text_interval = 1h,
                    .text_limit_bytes = 1024,
                    .text_budget_bytes = 65536};
  two.logs = {.enabled = false};
  expected.syslog = {.enabled = false, .path = "/var/log/all"};
  expected.spool = {.directory = "/state/spool",
                    .metrics_limit_bytes = 8 << 20,
                    .statements_limit_bytes = 4 << 20,
                    .segment_size_bytes = 1 << 20};
  expected.logs = {.allow_literals = true,
                   .record_limit_bytes = 4096,
                   .batch_size_bytes = 8192,
                   .batch_interval = 100ms,
                   .queue_size_bytes = 131072};
  expected.status.listen = {"::1", 9187};
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config == expected);
}

TEST(AgentConfig, ShowsNoSecret) {
  const Loaded<AgentConfig> loaded = Read(R"(
[collector]
url = "http://10.0.0.1:8480"
api_key = "geheim"
proxy = "http://geheim:geheim@proxy:3128"
[[postgres]]
password = "geheim"
)");
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_EQ(loaded.settings.ToText().find("geheim"), std::string::npos);
  EXPECT_EQ(loaded.settings.ToJson().find("geheim"), std::string::npos);
  EXPECT_EQ(loaded.settings.Find("collector.proxy")->value, "\"http://***@proxy:3128\"");
  EXPECT_EQ(loaded.settings.Find("collector.api_key")->origin, "agent.toml:4");
}

TEST(AgentConfig, EmptyListOfClustersWatchesNone) {
  const Loaded<AgentConfig> loaded = Read("postgres = []\n" + std::string(kUrl));
  EXPECT_EQ(loaded.problems.ToText(), "");
  EXPECT_TRUE(loaded.config.postgres.empty());
}

TEST(AgentConfig, SaysWhatIsMissingInAnEmptyFile) {
  EXPECT_EQ(Read("").problems.ToText(),
            "agent.toml: collector.url: required, but not set\n"
            "       = add to [collector]: url = \"https://host:port\"\n");
}

TEST(AgentConfig, RefusesTheExamplesPlaceholder) {
  EXPECT_EQ(Read("[collector]\nurl = \"https://collector.example.com:8480\"").problems.ToText(),
            "agent.toml:2:7: collector.url: collector.example.com is the example's placeholder\n"
            "     2 | url = \"https://collector.example.com:8480\"\n"
            "       |       ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
            "       = put the address of your collector here\n");
}

TEST(AgentConfig, ChecksWhatBelongsTogether) {
  const auto expect_problem = [](const std::string& text, std::string_view key,
                                 std::string_view message) {
    const auto problems = Read(std::string(kUrl) + text).problems.Sorted();
    ASSERT_EQ(problems.size(), 1u) << text;
    EXPECT_EQ(problems[0].key, key);
    EXPECT_EQ(problems[0].message, message);
  };
  expect_problem("cert_file = \"/c\"", "collector.cert_file", "needs key_file beside it");
  expect_problem("key_file = \"/k\"", "collector.key_file", "needs cert_file beside it");
  expect_problem("[[postgres]]\n[[postgres]]", "postgres[1].name",
                 "'main' is the name of another [[postgres]]");
  expect_problem("[[postgres]]\nname = \"A b\"", "postgres[0].name", "'A b' cannot be a name");
  expect_problem("[[postgres]]\ninterval = \"10m\"", "postgres[0].sizes_interval",
                 "5m must not be below interval (10m)");
  expect_problem("[[postgres]]\n[postgres.statements]\ntext_interval = \"20s\"",
                 "postgres[0].statements.text_interval", "20s must not be below interval (30s)");
  expect_problem("[spool]\nsegment_size = \"200MiB\"", "spool.segment_size",
                 "200MiB must be at most half of the smaller limit (256MiB)");
  expect_problem("[logs]\nqueue_size = \"64KiB\"", "logs.queue_size",
                 "64KiB must not be below batch_size (256KiB)");
  expect_problem("[status]\nlisten = \"0.0.0.0:9187\"", "status.listen",
                 "0.0.0.0 can be reached from other machines; only a loopback address is allowed");
}

}  // namespace
}  // namespace agent::config
