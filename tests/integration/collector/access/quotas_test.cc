// A sender that is held to a quota, over HTTP into a real PostgreSQL: it is told what and when,
// loses nothing by waiting, and hinders nobody.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "collector/access/gate.h"
#include "collector/access/key_ring.h"
#include "collector/ingest/batch_handler.h"
#include "collector/storage/key_table.h"
#include "tests/integration/collector/storage/store_fixture.h"
#include "tests/support/metric_value.h"
#include "tests/support/raw_connection.h"

namespace tests {
namespace {

using collector::access::Scope;
using pgvigil::v1::Batch;

struct Answer {
  int status = 0;
  int retry_after_seconds = 0;  // 0: not told
  std::string body;
};

// Listener, gate, ingest and store; 60 samples, 20 lines and 10 requests a second of a key.
class QuotasInUse : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    clock_.Advance(std::chrono::hours(1));
    handler_.emplace(*store_, clock_, registry_, collector::ingest::BatchHandlerOptions{},
                     &quotas_);
    collector::http::ServerConfig config;
    config.port = 0;
    config.gate = &gate_;
    http_.emplace(config);
    http_->Route("POST", "/v1/batches", Scope::kIngest, [this](auto request, auto respond) {
      handler_->Handle(std::move(request), std::move(respond));
    });
    const auto started = http_->Start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void TearDown() override {
    http_->Stop(std::chrono::seconds(20));
    store_->Close();
  }

  std::string MakeKey(const std::string& tenant) {
    collector::storage::KeyOrder order;
    order.name = tenant;
    order.tenant = tenant;
    order.scopes.Add(Scope::kIngest);
    order.actor = "test";
    const auto key = collector::access::MakeKey();
    const auto made = orders_.Create(*key, order);
    EXPECT_TRUE(made) << made.error().message;
    ring_.Look();
    return key->text.Reveal();
  }

  Answer Post(const Batch& batch, const std::string& key) {
    const std::string body = Compress(batch.SerializeAsString());
    RawConnection client(http_->port());
    client.Send(
        fmt::format("POST /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n"
                    "Content-Length: {}\r\nConnection: close\r\n"
                    "Content-Type: application/x-protobuf\r\nContent-Encoding: zstd\r\n\r\n{}",
                    key, body.size(), body));
    const std::string all = client.ReceiveAll();
    const size_t end = all.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    Answer answer{std::stoi(all.substr(9, 3)), 0, all.substr(end + 4)};
    const std::string name = "\r\nRetry-After: ";
    if (const size_t at = all.substr(0, end).find(name); at != std::string::npos) {
      answer.retry_after_seconds = std::stoi(all.substr(at + name.size()));
    }
    return answer;
  }

  // Sends as an agent does: the same batch, as late as it is told, until it is acknowledged.
  // Returns how often it was sent away.
  int SendPatiently(const Batch& batch, const std::string& key, const std::string& quota) {
    for (int sent_away = 0; sent_away < 100; ++sent_away) {
      const Answer answer = Post(batch, key);
      if (answer.status == 200) return sent_away;
      EXPECT_EQ(answer.status, 429) << answer.body;
      EXPECT_NE(answer.body.find(quota), std::string::npos) << answer.body;
      EXPECT_GT(answer.retry_after_seconds, 0) << answer.body;
      clock_.Advance(std::chrono::seconds(answer.retry_after_seconds));
    }
    ADD_FAILURE() << "was never taken";
    return 0;
  }

  // The minute `sequence` of five series: 30 samples.
  static Batch Metrics(uint64_t sequence) {
    const shared::model::Layout layout = MakeLayout(5);
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, sequence);
    AddLayout(batch, layout);
    AddBlock(batch, layout,
             MakeBlock(5, 6, kStart + static_cast<int64_t>(sequence) * 60 * kSecond));
    return batch;
  }
  // Ten lines of a file, after those before.
  static Batch Lines(uint64_t sequence) {
    Batch batch = AgentBatch(pgvigil::v1::STREAM_LOGS, 1, sequence);
    auto* chunk = LogFileWriter('f').Begin(batch, (sequence - 1) * 1000);
    for (int i = 0; i < 10; ++i) {
      LogFileWriter::Append(chunk, kStart + static_cast<int64_t>(sequence) * kSecond, 9,
                            fmt::format("line {} of {}", i, sequence));
    }
    return batch;
  }
  std::string Refused(const std::string& limit) {
    return MetricValue(registry_,
                       "collector_quota_refused_total{limit=\"" + limit + "\",of=\"key\"}");
  }

  collector::storage::KeyTable orders_{server_.Options("pgvigil")};  // ours
  collector::storage::KeyTable table_{server_.Options("pgvigil")};   // the ring's thread's
  collector::access::KeyRing ring_{table_, clock_, registry_, {std::chrono::hours(24)}};
  collector::access::Quotas quotas_{
      {{.requests_per_second = 10, .samples_per_second = 60, .lines_per_second = 20},
       {},
       std::chrono::seconds(1)},
      clock_,
      registry_};
  const collector::access::Gate gate_{collector::access::KeyRule::kAlways, &ring_, clock_,
                                      registry_, &quotas_};
  std::optional<collector::ingest::BatchHandler> handler_;
  std::optional<collector::http::Server> http_;
};

TEST_F(QuotasInUse, LetEverythingArriveOnceByWaiting) {
  const std::string throttled = MakeKey("one");
  const std::string other = MakeKey("two");
  int sent_away = 0;
  for (uint64_t sequence = 1; sequence <= 20; ++sequence) {
    sent_away += SendPatiently(Metrics(sequence), throttled, "60 samples a second");
    if (sequence > 10) continue;
    sent_away += SendPatiently(Lines(sequence), throttled, "20 lines a second");
  }
  EXPECT_GT(sent_away, 5);
  EXPECT_EQ(Post(Metrics(1), other).status, 200) << "its own quota is untouched";
  const auto stored = [&](const std::string& tenant) {
    return Ask(
        "SELECT (SELECT count(*) || ' blocks' FROM pgvigil.block b JOIN pgvigil.host h ON"
        " h.id = b.host_id WHERE h.tenant_id = t.id) || ', ' || (SELECT string_agg(s.sequence ||"
        " ' gaps ' || s.gaps || ' again ' || s.duplicates, ', ' ORDER BY s.stream) FROM"
        " pgvigil.agent_stream s JOIN pgvigil.agent a ON a.id = s.agent_id WHERE a.tenant_id ="
        " t.id) FROM pgvigil.tenant t WHERE t.name = '" +
        tenant + "'");
  };
  EXPECT_EQ(stored("one"), "20 blocks, 20 gaps 0 again 0, 10 gaps 0 again 0");
  EXPECT_EQ(stored("two"), "1 blocks, 1 gaps 0 again 0");
  EXPECT_EQ(Ask("SELECT sum(lines) FROM pgvigil.log_block"), "100");
  EXPECT_EQ(std::stoi(Refused("samples_per_second")) + std::stoi(Refused("lines_per_second")),
            sent_away);
}

// Whoever does not wait is sent away, as often as he comes, and hinders only himself.
TEST_F(QuotasInUse, HoldNobodyElseUp) {
  const std::string hasty = MakeKey("one");
  const std::string other = MakeKey("two");
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    EXPECT_EQ(Post(Lines(1), other).status, 200) << sequence;
    for (int i = 0; i < 12; ++i) (void)Post(Metrics(sequence), hasty);
    const Answer answer = Post(Metrics(sequence), hasty);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.retry_after_seconds, 1);
    EXPECT_EQ(answer.body,
              "{\"error\":{\"code\":\"resource_exhausted\",\"message\":\"the key's quota of 10 "
              "requests a second is used up (quotas.key.requests_per_second)\"}}\n");
    clock_.Advance(std::chrono::milliseconds(500));
  }
  EXPECT_NE(Refused("requests_per_second"), "0");
}

}  // namespace
}  // namespace tests
