// A database of every released version, with data in it, under this program.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "collector/storage/compaction/compaction.h"
#include "collector/storage/logs/log_block.h"
#include "collector/storage/migrations.h"
#include "collector/storage/partition.h"
#include "collector/storage/sql_text.h"
#include "shared/text/hex.h"
#include "tests/integration/collector/storage/store_fixture.h"

namespace tests {
namespace {

using collector::storage::EmbeddedMigrations;
using collector::storage::FormatTimestamp;
using collector::storage::Migrate;
using collector::storage::Migration;
using collector::storage::PartitionOf;
using shared::postgres::Connection;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kFirstRelease = 4;

class UpgradeTest : public StoreTest {
 protected:
  void SetUp() override {}  // each test makes its databases

  static std::vector<Migration> UpTo(int version) {
    std::vector<Migration> out = EmbeddedMigrations();
    std::erase_if(out, [&](const Migration& one) { return one.version > version; });
    return out;
  }

  void MakePartition(Connection& connection, const collector::storage::PartitionedTable& table) {
    const auto partition = PartitionOf(table, time_);
    ASSERT_TRUE(connection.Execute(CreatePartitionSql(partition)));
    ASSERT_TRUE(connection.Execute(AttachPartitionSql(partition)));
  }

  // What a collector of the first release stored: rows of every table that it had.
  void Load(Connection& connection) {
    using namespace collector::storage;
    const auto run = [&](std::string_view sql,
                         const std::vector<shared::postgres::Parameter>& parameters = {}) {
      const auto done = connection.Query(sql, parameters);
      ASSERT_TRUE(done) << sql << ": " << done.error().message;
    };
    ASSERT_TRUE(connection.Execute("SET search_path = pg_catalog; SET TimeZone = 'UTC'"));
    for (const auto& table : {kBlockTable, kStatementIntervalTable, kStatementDeltaTable,
                              kLogBlockTable, kLogEventTable}) {
      MakePartition(connection, table);
    }
    const std::string from = FormatTimestamp(time_);
    const std::string to = FormatTimestamp(time_ + std::chrono::seconds(50));
    run("INSERT INTO pgvigil.host (tenant_id, host_key, name, resource)"
        " VALUES (1, 'key-1', 'db-1', '{}')");
    run("INSERT INTO pgvigil.agent (tenant_id, uuid, host_id)"
        " VALUES (1, '00000000-0000-0000-0000-000000000001', 1)");
    run("INSERT INTO pgvigil.agent_stream (agent_id, stream, incarnation, sequence, batches)"
        " VALUES (1, 1, 7, 41, 41)");
    run("INSERT INTO pgvigil.metric (tenant_id, name) VALUES (1, 'test.value')");
    run("INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint)"
        " SELECT 1, 1, 1, 'By', jsonb_build_object('n', n::text), gen_random_uuid()"
        " FROM generate_series(0, 2) n");
    run("INSERT INTO pgvigil.layout (host_id, hash, series_ids)"
        " VALUES (1, gen_random_uuid(), '{1,2,3}')");
    std::string payload;
    shared::wire::BlockEncoder().Encode(MakeBlock(3, 6, shared::ToUnixNanos(time_)), payload);
    run("INSERT INTO pgvigil.block (host_id, layout_id, first_time, last_time, ticks, format, data)"
        " VALUES (1, 1, $1, $2, 6, 1, decode($3, 'hex'))",
        {from, to, shared::text::ToHex(payload)});
    run("INSERT INTO pgvigil.instance (host_id, system_identifier, port, name, server_version_num)"
        " VALUES (1, 77, 5432, 'main', 150018)");
    run("INSERT INTO pgvigil.statement_text (instance_id, dbid, queryid, text, fingerprint, parsed,"
        " truncated) VALUES (1, 16384, 5, 'SELECT 1', '\\x01', true, false)");
    run("INSERT INTO pgvigil.statement_interval (instance_id, interval_end, interval_start, "
        "evicted,"
        " partial, entries, entries_max) VALUES (1, $1, $1::timestamptz - interval '10 min', 0,"
        " false, 1, 5000)",
        {to});
    // Its other columns are counters.
    run("INSERT INTO pgvigil.statement_delta SELECT r.* FROM jsonb_populate_record("
        " NULL::pgvigil.statement_delta,"
        " (SELECT jsonb_object_agg(attname, 0) FROM pg_attribute WHERE attnum > 0"
        "  AND attrelid = 'pgvigil.statement_delta'::regclass)"
        " || jsonb_build_object('instance_id', 1, 'interval_end', $1::text, 'interval_start',"
        " $2::text, 'dbid', 16384, 'userid', 10, 'queryid', 5, 'toplevel', true, 'kind', 1, "
        "'since',"
        " NULL, 'calls', 12, 'total_exec_time_ms', 34)) r",
        {to, from});
    run("INSERT INTO pgvigil.log_file (agent_id, uuid, host_id, path, format, inode, device, "
        "position,"
        " lines) VALUES (1, '00000000-0000-0000-0000-000000000002', 1, '/var/log/a', 2, 1, 1, 100, "
        "1)");
    pgvigil::v1::LogRecord record;
    record.set_offset(0);
    record.set_length(100);
    record.set_time_unix_nano(static_cast<uint64_t>(shared::ToUnixNanos(time_)));
    record.set_severity_number(17);
    record.set_severity_text("ERROR");
    record.set_body("deadlock detected");
    const pgvigil::v1::LogRecord* const records[] = {&record};
    shared::wire::Compressor compressor;
    const auto blocks = BuildLogBlocks(records, compressor);
    ASSERT_EQ(blocks.size(), 1u);
    run("INSERT INTO pgvigil.log_block (host_id, file_id, begin_offset, first_time, last_time, "
        "lines,"
        " severity_mask, raw_bytes, format, data) VALUES (1, 1, 0, $1, $1, 1, $2, $3, 1,"
        " decode($4, 'hex'))",
        {from, std::to_string(blocks[0].severity_mask), std::to_string(blocks[0].raw_bytes),
         shared::text::ToHex(blocks[0].data)});
    run("INSERT INTO pgvigil.log_event (time, time_unix_nano, host_id, file_id, file_offset,"
        " severity_number, severity_text, body, truncated, sanitised)"
        " VALUES ($1, $2, 1, 1, 0, 17, 'ERROR', 'deadlock detected', false, false)",
        {from, std::to_string(shared::ToUnixNanos(time_))});
  }

  // Everything of it is read, and its agent goes on where it was.
  void ExpectAllIsThere(Store& store) {
    const auto samples = store.reader().Samples(
        Context(), {{"test.value", {}, {}}, {time_, time_ + minutes(1)}, {}, 10, 1'000});
    ASSERT_TRUE(samples) << samples.error().message;
    // Later the agent has more: its layout's series are others.
    const auto third = std::find_if(samples->series.begin(), samples->series.end(),
                                    [](const auto& one) { return one.series.id == 3; });
    ASSERT_NE(third, samples->series.end());
    ASSERT_EQ(third->samples.size(), 6u);
    EXPECT_EQ(third->samples[5].value, 2005);
    collector::api::StatementQuery statements;
    statements.range = {time_, time_ + minutes(1)};
    const auto top = store.reader().TopStatements(Context(), statements);
    ASSERT_TRUE(top) << top.error().message;
    ASSERT_EQ(top->size(), 1u);
    EXPECT_EQ(top->front().text, "SELECT 1");
    EXPECT_EQ(top->front().counters.at("calls"), 12);
    collector::api::LogQuery logs;
    logs.range = {time_ - hours(1), time_ + hours(1)};
    for (const uint32_t severity : {0u, 17u}) {
      logs.min_severity = severity;
      const auto page = store.reader().Logs(Context(), logs);
      ASSERT_TRUE(page) << page.error().message;
      ASSERT_EQ(page->rows.size(), 1u);
      EXPECT_EQ(page->rows[0].body, "deadlock detected");
    }
  }
  void ExpectTheAgentGoesOn(Store& store) {
    const shared::model::Layout layout = MakeLayout(3);
    for (const uint64_t sequence : {41u, 42u}) {
      pgvigil::v1::Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, sequence);
      AddLayout(batch, layout);
      AddBlock(batch, layout, MakeBlock(3, 6, shared::ToUnixNanos(time_ + minutes(1))));
      const auto reply = Submit(store, std::move(batch));
      ASSERT_TRUE(reply) << reply.error().message;
      EXPECT_EQ(reply->refusals_size(), 0);
    }
  }

  const shared::WallTime time_ = clock_.Now() - minutes(30);
};

TEST_F(UpgradeTest, EveryReleasedVersionIsBroughtForwardWithItsData) {
  const int newest = EmbeddedMigrations().back().version;
  for (int version = kFirstRelease; version <= newest; ++version) {
    SCOPED_TRACE(fmt::format("from version {}", version));
    const std::string database = fmt::format("v{}", version);
    server_.Execute("CREATE DATABASE " + database);
    {
      Connection connection = server_.Connect(database);
      const auto old = Migrate(connection, UpTo(version));
      ASSERT_TRUE(old) << old.error().message;
      Load(connection);
    }
    StoreOptions options = Options(server_);
    options.connect = server_.Options(database);
    shared::metrics::Registry registry;
    auto store = Store::Open(options, clock_, registry);
    ASSERT_TRUE(store);
    WaitUntilReady(**store);
    ExpectAllIsThere(**store);
    ExpectTheAgentGoesOn(**store);
    // By SQL, too; and compaction takes what it finds.
    Connection connection = server_.Connect(database);
    const auto count = [&](std::string_view sql) {
      const auto rows = connection.Query(sql);
      EXPECT_TRUE(rows) << rows.error().message;
      return rows ? std::string(rows->Text(0, 0)) : std::string();
    };
    const std::string samples =
        fmt::format("SELECT count(*) FROM pgvigil.samples('test.value', '{{}}', '{}', '{}')",
                    FormatTimestamp(time_), FormatTimestamp(time_ + hours(1)));
    EXPECT_EQ(count(samples), "36");
    collector::storage::PartitionKeeper partitions;
    ASSERT_TRUE(connection.Execute("SET search_path = pg_catalog"));
    collector::storage::Compaction compaction({}, partitions, registry);
    const auto compacted = compaction.Run(connection, clock_.Now() + hours(1), {});
    ASSERT_TRUE(compacted) << compacted.error().message;
    EXPECT_NE(count("SELECT count(*) FROM pgvigil.chunk"), "0");
    EXPECT_EQ(count(samples), "36");
    ExpectAllIsThere(**store);
  }
}

// The server dies in the middle of a migration: the next start begins it anew.
TEST_F(UpgradeTest, AMigrationCutShortIsDoneAgain) {
  server_.Execute("CREATE DATABASE pgvigil");
  std::vector<Migration> migrations = EmbeddedMigrations();
  const int next = migrations.back().version + 1;
  migrations.push_back({next, "slow",
                        "CREATE TABLE pgvigil.half (id int); ALTER TABLE pgvigil.host ADD half int;"
                        " SELECT pg_advisory_xact_lock(4711)"});
  Connection holder = server_.Connect("pgvigil");
  ASSERT_TRUE(holder.Execute("SELECT pg_advisory_lock(4711)"));
  std::thread migrating([&] {
    Connection connection = server_.Connect("pgvigil");
    const Result<int> done = Migrate(connection, migrations);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, shared::ErrorCode::kUnavailable);
  });
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (Ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != "1" &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  server_.Kill9();
  migrating.join();
  server_.Start();
  EXPECT_EQ(Ask("SELECT max(version) FROM pgvigil.schema_migration"), std::to_string(next - 1));
  EXPECT_EQ(Ask("SELECT to_regclass('pgvigil.half') IS NULL"), "t");
  Connection connection = server_.Connect("pgvigil");
  const Result<int> again = Migrate(connection, migrations);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, 1);
}

}  // namespace
}  // namespace tests
