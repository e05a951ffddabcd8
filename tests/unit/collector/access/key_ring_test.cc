#include "collector/access/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/unit/collector/access/fake_key_source.h"

namespace collector::access {
namespace {

using std::chrono::seconds;
using tests::FakeKeySource;

class KeyRingTest : public ::testing::Test {
 protected:
  KeyRecord Record(const std::string& name) {
    KeyRecord record;
    record.name = name;
    record.tenant = {2};
    record.tenant_name = "acme";
    return record;
  }
  // A ring whose thread has looked once, and will not look again by itself.
  std::unique_ptr<KeyRing> MakeRing() {
    auto ring = std::make_unique<KeyRing>(source_, clock_, registry_,
                                          KeyRingOptions{tests::kNeverAgain, seconds(60)});
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    while (source_.state.With([](auto& state) { return state.reads; }) == 0 &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    ring->Look();  // waits until the thread's look is over
    return ring;
  }
  std::vector<AuditEntry> Audit() const {
    return source_.state.With([](const auto& state) { return state.audit; });
  }

  tests::FakeClock clock_;
  shared::metrics::Registry registry_;
  FakeKeySource source_;
};

TEST_F(KeyRingTest, SeesAKeyComeAndBeRevoked) {
  const auto ring = MakeRing();
  ASSERT_TRUE(ring->Keys());
  EXPECT_FALSE(ring->HasKeys());
  const std::string text = source_.Add(Record("agent"));
  ring->Look();
  EXPECT_TRUE(ring->HasKeys());
  const std::string id = text.substr(4, 10);
  EXPECT_EQ(ring->Keys()->at(id).name, "agent");
  source_.Change(text, [&](KeyRecord& key) { key.revoked_at = clock_.Now(); });
  ring->Look();
  EXPECT_TRUE(ring->Keys()->at(id).revoked_at);
}

TEST_F(KeyRingTest, KeepsWhatItKnowsWhilePostgresqlIsAway) {
  source_.Fail(shared::Error{shared::ErrorCode::kUnavailable, "connect: Connection refused"});
  const std::string text = source_.Add(Record("agent"));
  const auto ring = MakeRing();
  EXPECT_FALSE(ring->Keys());
  ASSERT_FALSE(ring->Ready());
  EXPECT_EQ(ring->Ready().error().message, "API keys were not read: connect: Connection refused");
  source_.Fail(std::nullopt);
  ring->Look();
  EXPECT_TRUE(ring->Ready());
  source_.Fail(shared::Error{shared::ErrorCode::kUnavailable, "gone"});
  source_.Change(text, [&](KeyRecord& key) { key.revoked_at = clock_.Now(); });
  ring->Look();
  EXPECT_TRUE(ring->Ready());
  EXPECT_FALSE(ring->Keys()->at(text.substr(4, 10)).revoked_at);
  source_.Fail(std::nullopt);
  ring->Look();
  EXPECT_TRUE(ring->Keys()->at(text.substr(4, 10)).revoked_at);
}

// Another server may answer after a failure, and have the same version by chance.
TEST_F(KeyRingTest, ReadsEverythingAgainAfterAFailure) {
  const auto ring = MakeRing();
  source_.Add(Record("one"));
  ring->Look();
  source_.Fail(shared::Error{shared::ErrorCode::kUnavailable, "gone"});
  ring->Look();
  source_.Fail(std::nullopt);
  source_.state.With([](auto& state) { state.list.keys.clear(); });
  ring->Look();
  EXPECT_TRUE(ring->Keys()->empty());
  EXPECT_TRUE(ring->HasKeys()) << "a table that was emptied lets nobody in";
}

TEST_F(KeyRingTest, LooksByItself) {
  std::atomic<int> looks{0};
  KeyRing ring(source_, clock_, registry_, {std::chrono::milliseconds(1)}, [&] { looks += 1; });
  const auto deadline = std::chrono::steady_clock::now() + seconds(60);
  while (looks < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_GE(looks, 3);
}

TEST_F(KeyRingTest, WritesLastUsesNowAndThen) {
  const std::string id = source_.Add(Record("agent")).substr(4, 10);
  const auto uses = [&] { return source_.state.With([](auto& state) { return state.uses; }); };
  const auto ring = MakeRing();
  const shared::WallTime first = clock_.Now();
  ring->NoteUse(id);
  ring->Look();
  EXPECT_TRUE(uses().empty()) << "a minute has not passed";
  clock_.Advance(seconds(60));
  ring->Look();
  EXPECT_EQ(uses(), (std::map<std::string, shared::WallTime>{{id, first}}));
  ring->NoteUse(id);
  ring->Stop();
  EXPECT_EQ(uses().at(id), clock_.Now()) << "what is left is written at the end";
}

TEST_F(KeyRingTest, PutsDeniedActsIntoTheAuditLogOnceAMinute) {
  source_.Add(Record("agent"));
  const auto ring = MakeRing();
  const KeyRecord key = ring->Keys()->begin()->second;
  clock_.Advance(seconds(1));
  for (int i = 0; i < 3; ++i) ring->NoteDenied(key, "GET /metrics");
  ring->Look();
  ASSERT_EQ(Audit().size(), 1u);
  EXPECT_EQ(Audit()[0].actor, "key " + key.id);
  EXPECT_EQ(Audit()[0].act, "admin_denied");
  EXPECT_EQ(Audit()[0].subject, "GET /metrics");
  EXPECT_EQ(Audit()[0].tenant, TenantId{2});
  EXPECT_EQ(Audit()[0].detail, "3 times");
  ring->NoteDenied(key, "GET /metrics");
  ring->Look();
  EXPECT_EQ(Audit().size(), 1u);
  clock_.Advance(seconds(60));
  ring->Look();
  ASSERT_EQ(Audit().size(), 2u);
  EXPECT_EQ(Audit()[1].detail, "1 times");
  clock_.Advance(seconds(60));
  ring->Look();
  EXPECT_EQ(Audit().size(), 2u);
}

}  // namespace
}  // namespace collector::access
