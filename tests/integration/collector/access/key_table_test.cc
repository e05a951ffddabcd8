#include "collector/storage/key_table.h"

#include <gtest/gtest.h>

#include <string>

#include "collector/access/key_ring.h"
#include "shared/base/clock.h"
#include "tests/support/postgres_server.h"

namespace tests {
namespace {

using collector::access::KeyList;
using collector::access::KeyRecord;
using collector::access::NewKey;
using collector::access::ParseNetworks;
using collector::access::Scope;
using collector::storage::KeyOrder;
using collector::storage::KeyTable;
using shared::ErrorCode;
using shared::Result;
using std::chrono::hours;
using std::chrono::seconds;

class KeyTableTest : public ::testing::Test {
 protected:
  KeyTableTest() : table_(server_.Options("pgvigil")) {
    server_.Execute("CREATE DATABASE pgvigil");
  }

  static KeyOrder Order(const std::string& name, const std::string& tenant = "default") {
    KeyOrder order;
    order.name = name;
    order.tenant = tenant;
    order.scopes.Add(Scope::kIngest);
    order.actor = "root@test";
    return order;
  }
  // The id of a new key.
  std::string Create(const KeyOrder& order) {
    const Result<NewKey> key = collector::access::MakeKey();
    EXPECT_TRUE(key) << key.error().message;
    const Result<bool> made = table_.Create(*key, order);
    EXPECT_TRUE(made) << made.error().message;
    return key->id;
  }
  KeyList All() {
    Result<std::optional<KeyList>> list = table_.Read(std::nullopt);
    EXPECT_TRUE(list && *list) << list.error().message;
    return list && *list ? **list : KeyList{};
  }
  std::string Ask(std::string_view sql) {
    shared::postgres::Connection connection = server_.Connect("pgvigil");
    const auto rows = connection.Query(sql);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && rows->size() > 0 ? std::string(rows->Text(0, 0)) : std::string();
  }

  PostgresServer server_;
  KeyTable table_;
};

TEST_F(KeyTableTest, MakesTheSchemaAndGivesBackWhatWasPutIn) {
  const auto before = table_.Read(std::nullopt);  // nobody has made the schema
  ASSERT_TRUE(before && *before);
  EXPECT_TRUE((*before)->keys.empty());
  const auto still = table_.Read((*before)->version);
  ASSERT_TRUE(still);
  EXPECT_FALSE(*still);

  const Result<NewKey> key = collector::access::MakeKey();
  KeyOrder order = Order("agents of \"acme\"", "acme");
  order.scopes.Add(Scope::kAdmin);
  order.networks = *ParseNetworks("10.0.0.0/8,2001:db8::/32");
  order.expires_at = shared::FromUnixNanos(4'102'444'800'000'000'000);
  ASSERT_TRUE(table_.Create(*key, order).value_or(false)) << "the tenant is new";
  const KeyList list = All();
  ASSERT_EQ(list.keys.size(), 1u);
  const KeyRecord& read = list.keys[0];
  EXPECT_EQ(read.id, key->id);
  EXPECT_EQ(read.hash, key->hash);
  EXPECT_EQ(read.name, order.name);
  EXPECT_EQ(read.tenant.value, 2);
  EXPECT_EQ(read.tenant_name, "acme");
  EXPECT_EQ(read.scopes, order.scopes);
  EXPECT_EQ(read.networks, order.networks);
  EXPECT_EQ(read.expires_at, order.expires_at);
  EXPECT_FALSE(read.revoked_at);
  EXPECT_FALSE(read.last_used_at);
  EXPECT_EQ(Ask("SELECT concat_ws('|', actor, act, subject, tenant_id, detail) FROM pgvigil.audit"),
            "root@test|key_created|" + key->id +
                "|2|name 'agents of \"acme\"', scopes ingest,admin, from "
                "10.0.0.0/8,2001:db8::/32, expires 2100-01-01 00:00:00.000000+00");
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.api_key k WHERE k::text LIKE '%" +
                key->text.Reveal() + "%'"),
            "0");
}

TEST_F(KeyTableTest, GivesTheSameTenantToKeysThatNameIt) {
  Create(Order("one", "acme"));
  Create(Order("two", "acme"));
  Create(Order("three", "2"));
  Create(Order("four", "other"));
  Create(Order("five"));
  std::string tenants;
  for (const KeyRecord& key : All().keys) tenants += std::to_string(key.tenant.value) + " ";
  EXPECT_EQ(tenants, "2 2 2 3 1 ");
  const auto expect = [&](const std::string& tenant, std::string_view message) {
    const Result<NewKey> key = collector::access::MakeKey();
    const Result<bool> made = table_.Create(*key, Order("x", tenant));
    ASSERT_FALSE(made) << tenant;
    EXPECT_EQ(made.error().message, message);
  };
  expect("7", "there is no tenant 7");
  for (const std::string bad : {"", "Acme", "../etc", "a b", "_x", "-", "é"}) {
    expect(bad, "tenant '" + bad +
                    "': expected a letter and up to 63 of a-z, 0-9, _ and -, or the number of a "
                    "tenant that exists");
  }
  EXPECT_EQ(All().keys.size(), 5u);
}

TEST_F(KeyTableTest, RevokesOnceAndSaysWhoDidIt) {
  const std::string id = Create(Order("agent"));
  EXPECT_TRUE(table_.Revoke(id, "root@test").value_or(false));
  EXPECT_FALSE(table_.Revoke(id, "root@test").value_or(true));
  EXPECT_EQ(table_.Revoke("0000000000", "root@test").error().message, "there is no key 0000000000");
  EXPECT_TRUE(All().keys[0].revoked_at);
  EXPECT_EQ(Ask("SELECT string_agg(act || ' ' || subject, ', ' ORDER BY id) FROM pgvigil.audit"),
            "key_created " + id + ", key_revoked " + id);
}

TEST_F(KeyTableTest, TellsEveryChangeButUses) {
  const std::string id = Create(Order("agent"));
  const auto changed = [&](std::optional<int64_t>& known) {
    const auto list = table_.Read(known);
    EXPECT_TRUE(list) << list.error().message;
    if (!list || !*list) return false;
    known = (*list)->version;
    return true;
  };
  std::optional<int64_t> known;
  EXPECT_TRUE(changed(known));
  EXPECT_FALSE(changed(known));
  const shared::WallTime used = shared::FromUnixNanos(1'767'225'600'000'000'000);
  ASSERT_TRUE(table_.RecordUses({{id, used}, {"0000000000", used}}));
  ASSERT_TRUE(table_.RecordUses({{id, used - hours(1)}}));
  EXPECT_FALSE(changed(known)) << "nobody reads all keys again because one was used";
  EXPECT_EQ(All().keys[0].last_used_at, used) << "never back in time";
  server_.Execute("UPDATE pgvigil.api_key SET revoked_at = now()", "pgvigil");
  EXPECT_TRUE(changed(known)) << "by hand";
  server_.Execute("DELETE FROM pgvigil.api_key", "pgvigil");
  EXPECT_TRUE(changed(known));
}

// Two collectors on one database: both know of a new key and of its end, and go on without a
// server.
TEST_F(KeyTableTest, ReachesEveryRingThroughAnOutage) {
  const shared::SystemClock clock;
  shared::metrics::Registry registry;
  KeyTable one(server_.Options("pgvigil"));
  KeyTable two(server_.Options("pgvigil"));
  collector::access::KeyRing ring_one(one, clock, registry, {std::chrono::milliseconds(20)});
  collector::access::KeyRing ring_two(two, clock, registry, {std::chrono::milliseconds(20)});
  const auto until = [](auto condition, const char* what) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << what;
      std::this_thread::yield();
    }
  };
  const std::string id = Create(Order("agent"));
  for (const auto* ring : {&ring_one, &ring_two}) {
    until([&] { return ring->HasKeys(); }, "the key was not seen");
  }
  server_.Stop();
  EXPECT_TRUE(ring_one.Keys()->contains(id));
  server_.Start();
  ASSERT_TRUE(table_.Revoke(id, "root@test").has_value() ||
              table_.Revoke(id, "root@test").has_value())
      << "the first may find its connection lost";
  for (const auto* ring : {&ring_one, &ring_two}) {
    until([&] { return ring->Keys()->at(id).revoked_at.has_value(); }, "the end was not seen");
  }
}

}  // namespace
}  // namespace tests
