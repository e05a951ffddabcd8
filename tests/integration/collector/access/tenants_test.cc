// Tenants that look the same from outside: what one asks tells nothing of another, whatever he
// asks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "collector/access/gate.h"
#include "collector/access/key_ring.h"
#include "collector/api/api.h"
#include "collector/api/self_routes.h"
#include "collector/ingest/batch_handler.h"
#include "collector/storage/key_table.h"
#include "shared/base/file.h"
#include "tests/integration/collector/storage/store_fixture.h"
#include "tests/support/raw_connection.h"

namespace tests {
namespace {

using collector::access::Gate;
using collector::access::KeyRing;
using collector::access::KeyRule;
using collector::access::Scope;
using collector::storage::KeyOrder;
using collector::storage::KeyTable;
using pgvigil::v1::Batch;

constexpr int kMinutes = 10;

// What is a tenant's own, in names that all tenants have: he would know it if he saw it.
struct Tenant {
  std::string name;
  std::string word;  // in metrics, labels, lines, statements, names
  double base = 0;   // of values
  std::string key;
};

struct Answer {
  int status = 0;
  std::string body;
  friend bool operator==(const Answer&, const Answer&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Answer& answer) {
    return out << answer.status << " " << answer.body;
  }
};

// A whole collector: listener, gate, ingest, store and API on one PostgreSQL.
class Tenants : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    clock_.Advance(std::chrono::minutes(kMinutes + 1));
    handler_.emplace(*store_, clock_, registry_, collector::ingest::BatchHandlerOptions{});
    api_.emplace(store_->reader(), clock_, registry_, collector::api::ApiOptions{});
    self_.emplace(registry_, std::vector<collector::api::ReadyCheck>{});
    collector::http::ServerConfig config;
    config.port = 0;
    config.gate = &gate_;
    http_.emplace(config);
    http_->Route("POST", "/v1/batches", Scope::kIngest, [this](auto request, auto respond) {
      handler_->Handle(std::move(request), std::move(respond));
    });
    api_->AddRoutes(*http_);
    self_->AddTo(*http_);
    const auto started = http_->Start();
    ASSERT_TRUE(started) << started.error().message;
    for (Tenant* const tenant : {&one_, &two_, &empty_}) tenant->key = MakeKey(*tenant);
    ring_.Look();
  }
  void TearDown() override {
    http_->Stop(std::chrono::seconds(20));
    self_->Stop();
    api_->Stop();
    store_->Close();
  }

  std::string MakeKey(const Tenant& tenant) {
    KeyOrder order;
    order.name = tenant.name;
    order.tenant = tenant.name;
    order.scopes.Add(Scope::kIngest);
    order.scopes.Add(Scope::kQuery);
    order.actor = "test";
    const auto key = collector::access::MakeKey();
    const auto made = orders_.Create(*key, order);
    EXPECT_TRUE(made) << made.error().message;
    return key->text.Reveal();
  }

  Answer Send(std::string_view method, const std::string& target, const Tenant& tenant,
              const std::string& body = "", const std::string& header = "") {
    RawConnection client(http_->port());
    client.Send(
        fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n"
                    "Content-Length: {}\r\nConnection: close\r\n{}\r\n{}",
                    method, target, tenant.key, body.size(), header, body));
    const std::string all = client.ReceiveAll();
    const size_t end = all.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    return {std::stoi(all.substr(9, 3)), all.substr(end + 4)};
  }
  // Once the store's memory is filled: until then some paths say 503.
  Answer Get(const std::string& target, const Tenant& tenant) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    Answer answer = Send("GET", target, tenant);
    while (answer.status == 503 && std::chrono::steady_clock::now() < deadline) {
      answer = Send("GET", target, tenant);
    }
    return answer;
  }
  Answer Post(const Batch& batch, const Tenant& tenant, const std::string& header = "") {
    return Send("POST", "/v1/batches", tenant, Compress(batch.SerializeAsString()),
                "Content-Type: application/x-protobuf\r\nContent-Encoding: zstd\r\n" + header);
  }
  void Store(const Batch& batch, const Tenant& tenant) {
    const Answer answer = Post(batch, tenant);
    ASSERT_EQ(answer.status, 200) << answer;
    pgvigil::v1::BatchReply reply;
    ASSERT_TRUE(reply.ParseFromString(answer.body));
    EXPECT_EQ(reply.acknowledged_sequence(), batch.sequence());
    EXPECT_EQ(reply.refusals_size(), 0) << reply.ShortDebugString();
  }

  // The same agent, host, names and times for everyone; words and values of his own.
  static Batch Metrics(const Tenant& tenant, uint64_t sequence) {
    shared::model::Layout layout = MakeLayout(3);
    layout.series.push_back(
        {"own." + tenant.word, "1", shared::model::MetricKind::kGauge, {{"n", "0"}}});
    layout.series.push_back(
        {"test.value", "By", shared::model::MetricKind::kGauge, {{"owner", tenant.word}}});
    layout.hash = shared::model::ComputeHash(layout.common_labels, layout.series);
    Batch batch = Sent(tenant, pgvigil::v1::STREAM_METRICS, sequence);
    AddLayout(batch, layout);
    AddBlock(batch, layout, MakeBlock(5, 6 * kMinutes, kStart, tenant.base));
    return batch;
  }
  static Batch Logs(const Tenant& tenant, uint64_t sequence) {
    Batch batch = Sent(tenant, pgvigil::v1::STREAM_LOGS, sequence);
    auto* chunk = LogFileWriter('f').Begin(batch, 0);
    for (int i = 0; i < 40; ++i) {
      const bool own = i % 8 == 3;
      LogFileWriter::Append(
          chunk, kStart + i * 10 * kSecond, i % 4 == 3 ? 17 : 9,
          own ? fmt::format("user {} failed", tenant.word) : fmt::format("checkpoint {} done", i));
    }
    return batch;
  }
  static Batch Statements(const Tenant& tenant, uint64_t sequence) {
    Batch batch = Sent(tenant, pgvigil::v1::STREAM_STATEMENTS, sequence);
    const auto describe = [](pgvigil::v1::PostgresInstance* instance) {
      instance->set_system_identifier(7'123'456'789'012'345'678u);
      instance->set_name("main");
      instance->set_port(5432);
      instance->set_server_version_num(150018);
    };
    auto* interval = batch.add_statements();
    describe(interval->mutable_instance());
    interval->set_start_unix_nano(static_cast<uint64_t>(kStart));
    interval->set_end_unix_nano(static_cast<uint64_t>(kStart + 60 * kSecond));
    auto* texts = batch.add_texts();
    describe(texts->mutable_instance());
    for (int queryid = 1; queryid <= 3; ++queryid) {
      auto* delta = interval->add_deltas();
      delta->set_dbid(16384);
      delta->set_userid(10);
      delta->set_queryid(queryid);
      delta->set_toplevel(true);
      delta->set_kind(pgvigil::v1::DELTA_KIND_DIFFERENCE);
      delta->set_calls(static_cast<uint64_t>(tenant.base) + static_cast<uint64_t>(queryid));
      delta->set_total_exec_time_ms(1.5 * queryid);
      auto* text = texts->add_texts();
      text->set_dbid(16384);
      text->set_queryid(queryid);
      text->set_text(queryid == 2 ? "SELECT * FROM " + tenant.word : "SELECT $1");
      text->set_fingerprint("\x01\x02\x03\x04\x05\x06\x07\xff");
      text->set_parsed(true);
    }
    auto* database = interval->add_databases();
    database->set_oid(16384);
    database->set_name("shop " + tenant.word);
    auto* role = interval->add_roles();
    role->set_oid(10);
    role->set_name("role " + tenant.word);
    return batch;
  }
  static Batch Sent(const Tenant& tenant, pgvigil::v1::Stream stream, uint64_t sequence) {
    Batch batch = AgentBatch(stream, 1, sequence);
    auto* owner = batch.mutable_resource()->add_attributes();
    owner->set_name("owner");
    owner->set_value(tenant.word);
    batch.mutable_status()->set_version("0.1 " + tenant.word);
    return batch;
  }
  void StoreAll(const Tenant& tenant) {
    Store(Metrics(tenant, 1), tenant);
    Store(Logs(tenant, 1), tenant);
    Store(Statements(tenant, 1), tenant);
  }

  Tenant one_{"one", "aqzwsxone", 531'000'000'000, ""};
  Tenant two_{"two", "rfvtgbtwo", 762'000'000'000, ""};
  Tenant empty_{"empty", "yhnujmnone", 0, ""};

  KeyTable orders_{server_.Options("pgvigil")};  // ours
  KeyTable table_{server_.Options("pgvigil")};   // the ring's thread's
  KeyRing ring_{table_, clock_, registry_, {std::chrono::hours(24)}};
  const Gate gate_{KeyRule::kOnceThereIsOne, &ring_, clock_, registry_};
  std::optional<collector::ingest::BatchHandler> handler_;
  std::optional<collector::api::Api> api_;
  std::optional<collector::api::SelfRoutes> self_;
  std::optional<collector::http::Server> http_;
};

// Questions to every path of the API, with what exists for all, for another tenant, and for nobody.
class Questions {
 public:
  Questions(std::vector<std::string> words, uint64_t seed) : random_(seed) {
    for (const std::string& word : words) {
      words_.push_back(word);
      metrics_.push_back("own." + word);
      matches_.push_back("{owner=\"" + word + "\"}");
      matches_.push_back("own." + word);
      matches_.push_back("{__name__=~\".*" + word.substr(0, 4) + ".*\"}");
    }
  }

  // One for each path without anything, then so many at random.
  std::vector<std::string> Make(size_t count) {
    std::vector<std::string> out;
    for (const auto& [path, names] : kPaths) {
      out.push_back(Target(path, path.find("samples") != std::string::npos
                                     ? std::vector<std::string>{"metric"}
                                     : std::vector<std::string>{}));
    }
    while (out.size() < count) {
      auto path = kPaths.begin();
      std::advance(path, Below(kPaths.size()));
      std::vector<std::string> names;
      for (const std::string& name : path->second) {
        if (Below(3) == 0) names.push_back(name);
      }
      out.push_back(Target(path->first, names));
    }
    return out;
  }

  // As the table in collector/api/README.md.
  static const std::map<std::string, std::vector<std::string>> kPaths;

 private:
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }
  std::string OneOf(const std::vector<std::string>& values) { return values[Below(values.size())]; }

  std::string Target(std::string path, const std::vector<std::string>& names) {
    const auto replace = [&](const std::string& what, const std::string& with) {
      if (const size_t at = path.find(what); at != std::string::npos) {
        path.replace(at, what.size(), Escape(with));
      }
    };
    replace("NAME", OneOf({"owner", "n", "job", "__name__", "host.name", OneOf(words_)}));
    replace("QUERYID", OneOf({"1", "2", "3", "4", "x"}));
    std::string out = "/api/pgvigil/v1/" + path;
    char separator = '?';
    for (const std::string& name : names) {
      out += fmt::format("{}{}={}", std::exchange(separator, '&'), name, Escape(ValueOf(name)));
    }
    return out;
  }

  std::string ValueOf(const std::string& name) {
    static const std::map<std::string, std::vector<std::string>> kValues = {
        {"limit", {"1", "5", "1000", "0"}},
        {"host", {"db-1", "db-2"}},
        {"label.job", {"test", "none"}},
        {"from", {"2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z", "now-5m", "x"}},
        {"to", {"now", "2026-01-01T00:05:00Z"}},
        {"step", {"1m", "5m", "1h"}},
        {"aggregate", {"avg", "sum", "count", "max"}},
        {"order_by", {"calls", "total_exec_time_ms", "none"}},
        {"severity", {"error", "info", "9"}},
        {"order", {"asc", "desc", "newest"}},
        {"new_since", {"2026-01-01T00:00:00Z", "now-1m"}},
        {"pattern", {"1", "2", "3", "4", "5", "6"}},
        {"source", {"postgres", "syslog"}},
        {"cursor", {"x", "AAAA"}}};
    if (name == "metric") return Below(2) == 0 ? "test.value" : OneOf(metrics_);
    if (name == "match") return OneOf(matches_);
    if (name == "database") return "shop " + OneOf(words_);
    if (name == "user") return "role " + OneOf(words_);
    if (name == "label.owner" || name == "contains" || name == "word") return OneOf(words_);
    return OneOf(kValues.at(name));
  }

  static std::string Escape(const std::string& text) {
    std::string out;
    for (const char byte : text) {
      const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                         (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
      out += plain ? std::string(1, byte) : fmt::format("%{:02X}", static_cast<uint8_t>(byte));
    }
    return out;
  }

  std::mt19937_64 random_;
  std::vector<std::string> words_;
  std::vector<std::string> metrics_;
  std::vector<std::string> matches_;
};

const std::map<std::string, std::vector<std::string>> Questions::kPaths = {
    {"hosts", {"limit"}},
    {"agents", {"limit"}},
    {"series", {"metric", "host", "label.owner", "match", "from", "to", "limit"}},
    {"labels", {"metric", "host", "label.job", "match", "from", "to", "limit"}},
    {"labels/NAME/values", {"metric", "host", "label.owner", "match", "from", "to", "limit"}},
    {"cardinality", {"limit"}},
    {"samples",
     {"metric", "host", "label.owner", "match", "from", "to", "step", "aggregate", "limit"}},
    {"statements", {"from", "to", "host", "database", "user", "order_by", "limit"}},
    {"statements/QUERYID", {"from", "to", "host", "database", "user"}},
    {"logs",
     {"from", "to", "host", "source", "severity", "contains", "word", "pattern", "order", "cursor",
      "limit"}},
    {"log-patterns", {"from", "to", "host", "source", "new_since", "limit"}},
    {"kafka", {}},
    {"dead-letters", {"limit"}},
    {"kafka/lag", {}}};

TEST_F(Tenants, AreAskedAboutOnEveryPath) {
  const auto readme = shared::ReadFile(PGVIGIL_SOURCE "/collector/api/README.md");
  ASSERT_TRUE(readme) << readme.error().message;
  size_t paths = 0;
  for (size_t at = 0; (at = readme->find("\n| `", at)) != std::string::npos; ++at) {
    const size_t begin = at + 4;
    const std::string path = readme->substr(begin, readme->find('`', begin) - begin);
    EXPECT_TRUE(Questions::kPaths.contains(path)) << path;
    paths += 1;
  }
  EXPECT_EQ(paths, Questions::kPaths.size());
}

// The answers of one tenant are the same bytes before and after another, who looks the same, came
// and stored: documents, counts, errors. Also those to questions for what only the other has.
TEST_F(Tenants, SeeNothingOfEachOther) {
  constexpr uint64_t kSeed = 20'261'121;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  const std::vector<std::string> targets =
      Questions({one_.word, two_.word, empty_.word}, kSeed).Make(400);
  ASSERT_NO_FATAL_FAILURE(StoreAll(one_));
  std::map<std::string, std::pair<Answer, Answer>> before;
  for (const std::string& target : targets) {
    before[target] = {Get(target, one_), Get(target, empty_)};
  }
  ASSERT_NO_FATAL_FAILURE(StoreAll(two_));
  size_t found = 0;  // answers in which a tenant sees his own
  for (const std::string& target : targets) {
    EXPECT_EQ(Get(target, one_), before[target].first) << target;
    EXPECT_EQ(Get(target, empty_), before[target].second) << target;
    const std::string theirs = Get(target, two_).body;
    if (target.find(one_.word) == std::string::npos) {
      EXPECT_EQ(theirs.find(one_.word), std::string::npos) << target << "\n" << theirs;
    }
    EXPECT_EQ(theirs.find("531000"), std::string::npos) << target << "\n" << theirs;
    if (target.find(two_.word) == std::string::npos &&
        theirs.find(two_.word) != std::string::npos) {
      found += 1;
    }
  }
  EXPECT_GT(found, targets.size() / 10) << "or there was nothing to be seen at all";
}

// A page of one tenant's lines is not the key to the next page of another's.
TEST_F(Tenants, CannotUseEachOthersCursors) {
  ASSERT_NO_FATAL_FAILURE(StoreAll(one_));
  ASSERT_NO_FATAL_FAILURE(StoreAll(two_));
  const std::string logs =
      "/api/pgvigil/v1/logs?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z&limit=5";
  const std::string page = Get(logs, two_).body;
  const std::string name = "\"next_cursor\":\"";
  const size_t begin = page.find(name) + name.size();
  ASSERT_GE(begin, name.size());
  const std::string cursor = page.substr(begin, page.find('"', begin) - begin);
  const Answer next = Get(logs + "&cursor=" + cursor, one_);
  EXPECT_EQ(next.body.find(two_.word), std::string::npos) << next;
  EXPECT_EQ(Get(logs + "&cursor=" + cursor, empty_).body.find(two_.word), std::string::npos);
}

TEST_F(Tenants, HaveSequencesOfTheirOwn) {
  ASSERT_NO_FATAL_FAILURE(StoreAll(one_));
  for (uint64_t sequence = 2; sequence <= 4; ++sequence) Store(Metrics(one_, sequence), one_);
  ASSERT_NO_FATAL_FAILURE(StoreAll(two_));
  Store(Metrics(one_, 5), one_);
  const auto agents = [&](const Tenant& tenant) {
    return Ask(
        "SELECT string_agg(s.sequence || '/' || s.gaps || '/' || s.duplicates, ' ' ORDER BY"
        " s.stream) FROM pgvigil.agent_stream s JOIN pgvigil.agent a ON a.id = s.agent_id"
        " JOIN pgvigil.tenant t ON t.id = a.tenant_id WHERE t.name = '" +
        tenant.name + "'");
  };
  EXPECT_EQ(agents(one_), "5/0/0 1/0/0 1/0/0");
  EXPECT_EQ(agents(two_), "1/0/0 1/0/0 1/0/0");
}

TEST_F(Tenants, CannotWriteForEachOtherNorSeeTheCollector) {
  const Answer refused = Post(Metrics(one_, 1), one_, "X-Scope-OrgID: two\r\n");
  EXPECT_EQ(refused.status, 403) << refused;
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.agent"), "0");
  for (const std::string target :
       {"/metrics", "/api/pgvigil/v1/kafka", "/api/pgvigil/v1/dead-letters"}) {
    EXPECT_EQ(Get(target, one_).status, 403) << target;
  }
  EXPECT_EQ(Post(Metrics(one_, 1), one_, "X-Scope-OrgID: one\r\n").status, 200);
}

}  // namespace
}  // namespace tests
