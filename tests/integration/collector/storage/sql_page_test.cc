// What collector/storage/SQL.md promises to who has psql only.
#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "collector/storage/logs/log_merger.h"
#include "collector/storage/reader_role.h"
#include "collector/storage/session.h"
#include "collector/storage/statement_hours.h"
#include "tests/integration/collector/storage/everything.h"

namespace tests {
namespace {

using collector::storage::Chore;
using collector::storage::GrantReader;
using collector::storage::LogMerger;
using collector::storage::LogMergerOptions;
using collector::storage::PartitionKeeper;
using collector::storage::StatementHours;
using shared::postgres::Connection;

// The texts between ```sql and ```.
std::vector<std::string> ReadExamples() {
  std::ifstream file(PGVIGIL_SOURCE "/collector/storage/SQL.md");
  std::vector<std::string> out;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```sql") {
      out.emplace_back();
      inside = true;
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      out.back() += line + "\n";
    }
  }
  return out;
}

class SqlPageTest : public StoreTest {
 protected:
  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    clock_.SetWall(std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
    store_ = OpenStore(clock_);
  }

  // Merges logs and sums statements up, as maintenance would within the hour.
  void Maintain() {
    auto connection = collector::storage::OpenWriteSession(server_.Options("pgvigil"), "test");
    ASSERT_TRUE(connection) << connection.error().message;
    PartitionKeeper partitions;
    LogMerger logs(partitions, LogMergerOptions{.segment_bytes = 20'000, .worth_bytes = 1});
    StatementHours hours(partitions, std::chrono::hours(24 * 30));
    for (Chore* chore : {static_cast<Chore*>(&logs), static_cast<Chore*>(&hours)}) {
      while (true) {
        const auto pause = chore->Run(*connection, clock_.Now() + std::chrono::hours(1), {});
        ASSERT_TRUE(pause) << pause.error().message;
        if (pause->count() > 0) break;
      }
    }
  }

  // Sqlstate of what `sql` as pgvigil_reader fails with; "" when it does not.
  std::string ReaderFails(std::string_view sql) {
    Connection connection = server_.Connect("pgvigil");
    EXPECT_TRUE(connection.Execute("SET ROLE pgvigil_reader"));
    const auto rows = connection.Query(sql);
    return rows ? std::string() : std::string(connection.last_sqlstate());
  }
};

TEST_F(SqlPageTest, HasTenQuestionsThatAReaderCanAsk) {
  Everything(*store_, clock_.Now()).Put();
  Maintain();
  Connection reader = server_.Connect("pgvigil");
  ASSERT_TRUE(reader.Execute("SET ROLE pgvigil_reader"));
  const std::vector<std::string> examples = ReadExamples();
  EXPECT_EQ(examples.size(), 10u);
  for (const std::string& sql : examples) {
    const auto rows = reader.Query(sql);
    ASSERT_TRUE(rows) << sql << rows.error().message;
    EXPECT_GT(rows->size(), 0u) << sql;
    // Nothing that a reader looks at is empty for want of a join.
    for (size_t column = 0; column < rows->columns(); ++column) {
      EXPECT_FALSE(rows->size() > 0 && rows->IsNull(0, column) &&
                   rows->column_name(column) != "query")
          << rows->column_name(column) << " of\n"
          << sql;
    }
  }
}

TEST_F(SqlPageTest, EveryViewCanBeReadByTheReaderAndHasComments) {
  Connection connection = server_.Connect("pgvigil");
  const auto views = connection.Query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'pgvigil'::regnamespace AND relkind = "
      "'v'");
  ASSERT_TRUE(views);
  ASSERT_GE(views->size(), 20u);
  for (size_t row = 0; row < views->size(); ++row) {
    EXPECT_EQ(ReaderFails(fmt::format("SELECT * FROM pgvigil.{}", views->Text(row, 0))), "")
        << views->Text(row, 0);
  }
  EXPECT_EQ(
      Ask("SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c"
          " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
          " WHERE c.relnamespace = 'pgvigil'::regnamespace AND c.relkind = 'v'"
          " AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"),
      "");
  EXPECT_EQ(Ask("SELECT string_agg(proname, ', ') FROM pg_proc"
                " WHERE pronamespace = 'pgvigil'::regnamespace AND obj_description(oid) IS NULL"),
            "");
}

TEST_F(SqlPageTest, AReaderCannotTouchTables) {
  EXPECT_EQ(ReaderFails("SELECT * FROM pgvigil.host"), "42501");
  EXPECT_EQ(ReaderFails("DELETE FROM pgvigil.kafka_partitions"), "42501");
  EXPECT_EQ(ReaderFails("CREATE TABLE pgvigil.mine ()"), "42501");
  EXPECT_EQ(ReaderFails("SELECT pgvigil.grant_reader()"), "42501");
}

// GROWING.md: what keeps the way to several servers open.
TEST_F(SqlPageTest, EveryPartitionedTableCanBeDistributedByHost) {
  const std::string partitioned =
      "SELECT string_agg(c.relname, ', ') FROM pg_class c"
      " WHERE c.relnamespace = 'pgvigil'::regnamespace AND c.relkind = 'p' AND ";
  EXPECT_EQ(Ask(partitioned +
                "NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnotnull"
                " AND a.attname IN ('host_id', 'instance_id'))"),
            "");
  EXPECT_EQ(Ask(partitioned + "EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f'"
                              " AND c.oid IN (f.conrelid, f.confrelid))"),
            "");
  EXPECT_EQ(Ask(partitioned + "EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
                              " AND a.attidentity <> '')"),
            "");
  EXPECT_EQ(Ask(partitioned + "EXISTS (SELECT FROM pg_partitioned_table p"
                              " WHERE p.partrelid = c.oid AND p.partdefid <> 0)"),
            "");
}

// A collector whose role owns the database and no more.
TEST_F(SqlPageTest, SaysWhatToRunWhenTheRoleCannotBeMade) {
  server_.Execute("DROP OWNED BY pgvigil_reader", "pgvigil");
  server_.Execute("DROP ROLE pgvigil_reader");
  server_.Execute("CREATE ROLE small LOGIN");
  server_.Execute("CREATE DATABASE other OWNER small");
  StoreOptions options = Options(server_);
  options.connect = server_.Options("other", "small");
  auto store = Store::Open(options, clock_, registry_);
  ASSERT_TRUE(store);
  WaitUntilReady(**store);  // it goes on
  Connection connection = server_.Connect("other", "small");
  const auto granted = GrantReader(connection);
  ASSERT_TRUE(granted) << granted.error().message;
  EXPECT_EQ(*granted,
            "role pgvigil_reader is missing and small may not create it; as superuser: CREATE ROLE "
            "pgvigil_reader NOLOGIN; then, in this database: SELECT pgvigil.grant_reader();");
  // What it said is enough.
  server_.Execute("CREATE ROLE pgvigil_reader NOLOGIN");
  server_.Execute("SELECT pgvigil.grant_reader()", "other");
  const auto again = GrantReader(connection);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, "");
  ASSERT_TRUE(server_.Connect("other").Execute(
      "SET ROLE pgvigil_reader; SELECT * FROM pgvigil.hosts; SELECT * FROM pgvigil.samples('x')"));
}

}  // namespace
}  // namespace tests
