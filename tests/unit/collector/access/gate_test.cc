#include "collector/access/gate.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/metric_value.h"
#include "tests/unit/collector/access/fake_key_source.h"

namespace collector::access {
namespace {

using std::chrono::hours;

class GateTest : public ::testing::Test {
 protected:
  GateTest() : ring_(source_, clock_, registry_, {tests::kNeverAgain}) { ring_.Look(); }

  // The text of a key of tenant acme (2) that may send and ask.
  std::string Key() {
    KeyRecord record;
    record.name = "agent";
    record.tenant = {2};
    record.tenant_name = "acme";
    record.scopes.Add(Scope::kIngest);
    record.scopes.Add(Scope::kQuery);
    const std::string text = source_.Add(record);
    ring_.Look();
    return text;
  }
  template <typename Function>
  void Change(const std::string& text, Function change) {
    source_.Change(text, change);
    ring_.Look();
  }
  tl::expected<Caller, Denial> Ask(const std::optional<std::string>& key,
                                   Scope scope = Scope::kQuery,
                                   std::string_view address = "10.0.0.7",
                                   const std::string* tenant = nullptr) {
    const std::string bearer = "Bearer " + key.value_or("");
    return Gate(rule_, &ring_, clock_, registry_, quotas_ ? &*quotas_ : nullptr)
        .Admit({key ? &bearer : nullptr, nullptr, tenant, address, "GET /x"}, scope);
  }
  void ExpectDenial(const tl::expected<Caller, Denial>& answer, int status, std::string_view reason,
                    std::string_view message) {
    ASSERT_FALSE(answer) << reason;
    EXPECT_EQ(answer.error().status, status);
    EXPECT_EQ(answer.error().reason, reason);
    EXPECT_EQ(answer.error().message, message);
    EXPECT_NE(tests::MetricValue(registry_, "collector_access_denied_total{reason=\"" +
                                                std::string(reason) + "\"}"),
              "0")
        << reason;
  }

  tests::FakeClock clock_;
  shared::metrics::Registry registry_;
  tests::FakeKeySource source_;
  KeyRing ring_;
  KeyRule rule_ = KeyRule::kOnceThereIsOne;
  std::optional<Quotas> quotas_;  // none at first
};

TEST_F(GateTest, LetsNobodyInWhoseQuotaIsUsedUp) {
  quotas_.emplace(QuotaOptions{{.requests_per_second = 1}, {}, std::chrono::seconds(1)}, clock_,
                  registry_);
  const std::string key = Key();
  EXPECT_TRUE(Ask(key));
  const auto denied = Ask(key);
  ExpectDenial(
      denied, 429, "quota",
      "the key's quota of 1 requests a second is used up (quotas.key.requests_per_second)");
  EXPECT_EQ(denied.error().retry_after_seconds, 1);
  EXPECT_TRUE(Ask(Key())) << "another key";
  ExpectDenial(Ask(key, Scope::kIngest, "10.0.0.7", &key), 403, "tenant",
               "API key " + key.substr(4, 10) + " is of tenant 'acme', the request names another");
}

TEST_F(GateTest, GivesTheTenantOfTheKey) {
  const std::string key = Key();
  const auto caller = Ask(key);
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->tenant, TenantId{2});
  EXPECT_EQ(caller->key_id, key.substr(4, 10));
  EXPECT_FALSE(caller->scopes.Has(Scope::kAdmin));
}

TEST_F(GateTest, NeedsAKeyOnceThereIsOne) {
  EXPECT_TRUE(Ask(std::nullopt, Scope::kAdmin, "127.0.0.1"));
  EXPECT_TRUE(Ask(std::nullopt, Scope::kIngest, "::1"));
  ExpectDenial(Ask(std::nullopt), 403, "no_keys",
               "while there is no API key only this machine may ask; make one with: "
               "pgvigil-collector keys create");
  Key();
  constexpr std::string_view kMessage =
      "an API key is needed: send Authorization: Bearer KEY or X-API-Key: KEY";
  ExpectDenial(Ask(std::nullopt), 401, "missing", kMessage);
  ExpectDenial(Ask(std::nullopt, Scope::kQuery, "127.0.0.1"), 401, "missing", kMessage);
}

TEST_F(GateTest, NeedsAKeyFromTheBeginningWhenTold) {
  rule_ = KeyRule::kAlways;
  ExpectDenial(Ask(std::nullopt, Scope::kQuery, "127.0.0.1"), 401, "missing",
               "an API key is needed: send Authorization: Bearer KEY or X-API-Key: KEY");
}

TEST_F(GateTest, AsksNobodyWhenTold) {
  const shared::Result<NewKey> key = MakeKey();
  const std::string bearer = "Bearer " + key->text.Reveal();
  const Gate gate(KeyRule::kNever, nullptr, clock_, registry_);
  const auto caller = gate.Admit({&bearer, nullptr, nullptr, "10.0.0.7", ""}, Scope::kAdmin);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->tenant, kDefaultTenant);
}

// A wrong secret with an id that exists is answered as an id that does not.
TEST_F(GateTest, TellsNobodyWhichKeysThereAre) {
  const std::string key = Key();
  const shared::Result<NewKey> other = MakeKey();
  ExpectDenial(Ask(other->text.Reveal()), 401, "unknown", "the API key is not known");
  Change(key, [&](KeyRecord& record) { record.hash = other->hash; });
  ExpectDenial(Ask(key), 401, "unknown", "the API key is not known");
  ExpectDenial(Ask("hunter2"), 401, "malformed",
               "Authorization: not an API key of pgvigil: it must begin with pgv_");
  ExpectDenial(Ask(""), 401, "malformed",
               "Authorization: not an API key of pgvigil: it must begin with pgv_");
}

TEST_F(GateTest, RefusesAnUnknownKeyAlsoWhileThereIsNone) {
  const shared::Result<NewKey> other = MakeKey();
  ExpectDenial(Ask(other->text.Reveal(), Scope::kQuery, "127.0.0.1"), 401, "unknown",
               "the API key is not known");
}

TEST_F(GateTest, RefusesWhatIsRevokedOrExpired) {
  const std::string key = Key();
  const std::string id = key.substr(4, 10);
  Change(key, [&](KeyRecord& record) { record.expires_at = clock_.Now() + hours(1); });
  EXPECT_TRUE(Ask(key));
  clock_.Advance(hours(1));
  ExpectDenial(Ask(key), 401, "expired",
               "API key " + id + " expired at 2026-01-01T01:00:00.000000Z");
  Change(key, [&](KeyRecord& record) { record.revoked_at = clock_.Now(); });
  ExpectDenial(Ask(key), 401, "revoked",
               "API key " + id + " was revoked at 2026-01-01T01:00:00.000000Z");
}

TEST_F(GateTest, HoldsAKeyToItsNetworksAndScopes) {
  const std::string key = Key();
  const std::string id = key.substr(4, 10);
  Change(key, [&](KeyRecord& record) { record.networks = *ParseNetworks("10.0.0.0/8,::1"); });
  EXPECT_TRUE(Ask(key));
  EXPECT_TRUE(Ask(key, Scope::kIngest, "::1"));
  ExpectDenial(Ask(key, Scope::kQuery, "192.168.0.1"), 403, "network",
               "API key " + id +
                   " may not be used from 192.168.0.1, only from "
                   "10.0.0.0/8,::1/128");
  ExpectDenial(Ask(key, Scope::kQuery, "?"), 403, "network",
               "API key " + id + " may not be used from ?, only from 10.0.0.0/8,::1/128");
  ExpectDenial(Ask(key, Scope::kAdmin), 403, "scope",
               "API key " + id + " has the scope ingest,query, this needs admin");
  clock_.Advance(hours(1));
  ring_.Look();
  const auto audit = source_.state.With([](auto& state) { return state.audit; });
  ASSERT_EQ(audit.size(), 1u);
  EXPECT_EQ(audit[0].subject, "GET /x");
}

TEST_F(GateTest, RefusesARequestThatNamesAnotherTenant) {
  const std::string key = Key();
  for (const std::string own : {"acme", "2"}) {
    EXPECT_TRUE(Ask(key, Scope::kIngest, "10.0.0.7", &own)) << own;
  }
  for (const std::string other : {"default", "1", "ACME", "", "acme, acme"}) {
    ExpectDenial(
        Ask(key, Scope::kIngest, "10.0.0.7", &other), 403, "tenant",
        "API key " + key.substr(4, 10) + " is of tenant 'acme', the request names another");
  }
}

TEST_F(GateTest, LetsNobodyInBeforeTheKeysAreRead) {
  source_.Fail(shared::Error{shared::ErrorCode::kUnavailable, "away"});
  KeyRing ring(source_, clock_, registry_, {tests::kNeverAgain});
  ring.Look();
  const auto answer = Gate(KeyRule::kOnceThereIsOne, &ring, clock_, registry_)
                          .Admit({nullptr, nullptr, nullptr, "127.0.0.1", ""}, Scope::kQuery);
  ExpectDenial(answer, 503, "unread",
               "the API keys were not read yet: the collector has not reached its PostgreSQL");
  EXPECT_EQ(answer.error().retry_after_seconds, 2);
}

}  // namespace
}  // namespace collector::access
