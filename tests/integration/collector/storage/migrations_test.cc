#include "collector/storage/migrations.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/postgres_server.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;

class MigrateTest : public ::testing::Test {
 protected:
  void SetUp() override { server_.Execute("CREATE DATABASE pgvigil"); }
  Connection Connect() { return server_.Connect("pgvigil"); }
  std::string Ask(const std::string& sql) {
    Connection connection = Connect();
    const Result<Rows> rows = connection.Query(sql);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && rows->size() > 0 ? std::string(rows->Text(0, 0)) : std::string();
  }

  // "1 catalogue, 2 metrics …"
  static std::string Embedded() {
    std::string out;
    for (const Migration& migration : EmbeddedMigrations()) {
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", migration.version, migration.name);
    }
    return out;
  }

  tests::PostgresServer server_;
};

TEST_F(MigrateTest, AppliesAllOnceAndThenNothing) {
  Connection connection = Connect();
  const Result<int> first = Migrate(connection, EmbeddedMigrations());
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(*first, static_cast<int>(EmbeddedMigrations().size()));
  const Result<int> second = Migrate(connection, EmbeddedMigrations());
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(*second, 0);
  EXPECT_EQ(Ask("SELECT string_agg(version || ' ' || name, ', ' ORDER BY version)"
                " FROM pgvigil.schema_migration"),
            Embedded());
}

TEST_F(MigrateTest, CommentsEveryTableAndColumn) {
  Connection connection = Connect();
  ASSERT_TRUE(Migrate(connection, EmbeddedMigrations()));
  EXPECT_EQ(
      Ask("SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c"
          " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
          " WHERE c.relnamespace = 'pgvigil'::regnamespace AND c.relkind IN ('r', 'p')"
          " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"),
      "");
}

TEST_F(MigrateTest, LetsManyStartAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> applied{0};
  std::atomic<int> failed{0};
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      Connection connection = Connect();
      const Result<int> done = Migrate(connection, EmbeddedMigrations());
      if (done) {
        applied += *done;
      } else {
        failed += 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied, static_cast<int>(EmbeddedMigrations().size()));
  EXPECT_EQ(failed, 0);
}

TEST_F(MigrateTest, AppliesOnlyWhatIsNew) {
  Connection connection = Connect();
  std::vector<Migration> migrations = EmbeddedMigrations();
  const Migration last = migrations.back();
  migrations.pop_back();
  ASSERT_TRUE(Migrate(connection, migrations));
  migrations.push_back(last);
  const Result<int> done = Migrate(connection, migrations);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(*done, 1);
}

TEST_F(MigrateTest, LeavesNothingOfAFailedOne) {
  Connection connection = Connect();
  std::vector<Migration> migrations = EmbeddedMigrations();
  const int last = migrations.back().version;
  migrations.push_back({last + 1, "broken", "CREATE TABLE pgvigil.half (id int); SELECT 1/0"});
  const Result<int> done = Migrate(connection, migrations);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message,
            fmt::format("migration {} (broken): 22012 division by zero", last + 1));
  EXPECT_EQ(Ask("SELECT to_regclass('pgvigil.half') IS NULL"), "t");
  EXPECT_EQ(Ask("SELECT max(version) FROM pgvigil.schema_migration"), std::to_string(last));
  // The lock was given back: the mended file is applied.
  migrations.back().sql = "CREATE TABLE pgvigil.half (id int)";
  Connection other = Connect();
  const Result<int> again = Migrate(other, migrations);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, 1);
}

TEST_F(MigrateTest, RefusesASchemaOfANewerCollector) {
  Connection connection = Connect();
  std::vector<Migration> migrations = EmbeddedMigrations();
  const int last = migrations.back().version;
  migrations.push_back({last + 1, "future", "SELECT 1"});
  ASSERT_TRUE(Migrate(connection, migrations));
  const Result<int> done = Migrate(connection, EmbeddedMigrations());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, shared::ErrorCode::kInvalidInput);
  EXPECT_EQ(
      done.error().message,
      fmt::format("the database has schema version {} (future), this collector knows up to {}: "
                  "install the newer collector",
                  last + 1, last));
}

TEST_F(MigrateTest, RefusesAMigrationThatWasChanged) {
  Connection connection = Connect();
  ASSERT_TRUE(Migrate(connection, EmbeddedMigrations()));
  std::vector<Migration> migrations = EmbeddedMigrations();
  const std::string before = MigrationChecksum(migrations[1]);
  migrations[1].sql += "\n-- another thought\n";
  const Result<int> done = Migrate(connection, migrations);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "migration 2 (metrics) was applied with checksum " + before +
                                      ", this collector has " + MigrationChecksum(migrations[1]) +
                                      ": it was changed after its release");
}

TEST_F(MigrateTest, RefusesADatabaseThatIsNotUtf8) {
  server_.Execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  Connection connection = server_.Connect("latin");
  const Result<int> done = Migrate(connection, EmbeddedMigrations());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "the database's encoding is LATIN1, it must be UTF8");
}

}  // namespace
}  // namespace collector::storage
