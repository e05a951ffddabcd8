#include "collector/storage/retention/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "collector/storage/retention/freezer.h"
#include "store_fixture.h"

namespace {

using collector::storage::Freezer;
using collector::storage::kLogBlockTable;
using collector::storage::kStatementDeltaTable;
using collector::storage::Partition;
using collector::storage::PartitionKeeper;
using collector::storage::PartitionOf;
using collector::storage::Retention;
using collector::storage::RetentionOptions;
using collector::storage::StoredPartition;
using shared::postgres::Connection;
using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;

Retention::Guard Always(bool answer) {
  return [answer](Connection&, const StoredPartition&) { return shared::Result<bool>(answer); };
}

class RetentionTest : public tests::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    store_->Close();  // its upkeep and maintenance would be in the way
    connection_.emplace(server_.Connect("pgvigil"));
    ASSERT_TRUE(connection_->Execute("SET TimeZone = 'UTC'"));
  }

  // The partition of `age` ago exists, with a row in it.
  std::string MakeLogBlockPartition(hours age) {
    const Partition partition = PartitionOf(kLogBlockTable, clock_.Now() - age);
    PartitionKeeper keeper;
    const auto made = keeper.Ensure(*connection_, {partition});
    EXPECT_TRUE(made) << made.error().message;
    const auto inserted = connection_->Query(
        "INSERT INTO pgvigil.log_block (host_id, file_id, begin_offset, first_time, last_time, "
        "lines,"
        " severity_mask, raw_bytes, format, data)"
        " SELECT 1, 1, n, to_timestamp($1::float8), to_timestamp($1::float8), 1, 0, 1, 1, '\\x00'"
        " FROM generate_series(1, 100) n",
        {std::to_string(shared::ToUnixNanos(partition.from) / 1'000'000'000)});
    EXPECT_TRUE(inserted) << inserted.error().message;
    return partition.name;
  }

  std::set<std::string> LogBlockTables() {
    const auto rows = connection_->Query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'pgvigil'::regnamespace AND relkind = "
        "'r'"
        " AND relname LIKE 'log\\_block\\_2%' AND relname < 'log_block_20260101'");
    EXPECT_TRUE(rows);
    std::set<std::string> names;
    for (size_t row = 0; row < rows->size(); ++row) names.emplace(rows->Text(row, 0));
    return names;
  }

  void Run(const RetentionOptions& options, Retention::Guard may_drop = Always(true)) {
    Retention retention(options, std::move(may_drop), registry_);
    const auto done = retention.Run(*connection_, clock_.Now(), std::stop_token());
    EXPECT_TRUE(done) << done.error().message;
  }

  static RetentionOptions Keep(hours age) {
    RetentionOptions options;
    options.policy.keep = {{"log_block", age}};
    return options;
  }

  std::optional<Connection> connection_;
};

TEST_F(RetentionTest, DropsExpiredPartitionsAndNoOthers) {
  MakeLogBlockPartition(hours(24 * 10));
  const std::string kept = MakeLogBlockPartition(hours(24 * 5));
  Run(Keep(hours(24 * 7)));
  EXPECT_THAT(LogBlockTables(), ElementsAre(kept));
  EXPECT_EQ(Ask("SELECT count(*) FROM pgvigil.log_block"), "100");
}

TEST_F(RetentionTest, KeepsWhatIsNotSafeElsewhere) {
  const std::string old = MakeLogBlockPartition(hours(24 * 10));
  Run(Keep(hours(24)), Always(false));
  EXPECT_THAT(LogBlockTables(), ElementsAre(old));
}

TEST_F(RetentionTest, EndsWhatWasCutShortBetweenDetachAndDrop) {
  const std::string old = MakeLogBlockPartition(hours(24 * 10));
  ASSERT_TRUE(
      connection_->Execute("ALTER TABLE pgvigil.log_block DETACH PARTITION pgvigil." + old));
  Run(Keep(hours(24)));
  EXPECT_THAT(LogBlockTables(), IsEmpty());
}

TEST_F(RetentionTest, LeavesTablesAloneThatOnlyLookLikePartitions) {
  ASSERT_TRUE(connection_->Execute("CREATE TABLE pgvigil.log_block_20200101_backup ()"));
  Run(Keep(hours(24)));
  EXPECT_THAT(LogBlockTables(), ElementsAre("log_block_20200101_backup"));
}

TEST_F(RetentionTest, MakesRoomByTheOldestPartition) {
  MakeLogBlockPartition(hours(24 * 10));
  const std::string kept = MakeLogBlockPartition(hours(24 * 5));
  RetentionOptions options;
  options.policy.large = {"log_block"};
  const auto all = collector::storage::ReadStoredPartitions(*connection_);
  ASSERT_TRUE(all);
  for (const StoredPartition& one : *all) {
    options.policy.size_bytes += static_cast<uint64_t>(one.bytes);
  }
  options.policy.size_bytes -= 1;
  Run(options);
  EXPECT_THAT(LogBlockTables(), ElementsAre(kept));
}

TEST_F(RetentionTest, SaysWhichPartitionAReaderHoldsUp) {
  const std::string old = MakeLogBlockPartition(hours(24 * 10));
  Connection reader = server_.Connect("pgvigil");
  ASSERT_TRUE(reader.Execute("BEGIN; SELECT count(*) FROM pgvigil.log_block"));
  ASSERT_TRUE(connection_->Execute("SET statement_timeout = '500ms'"));
  Retention retention(Keep(hours(24)), Always(true), registry_);
  const auto done = retention.Run(*connection_, clock_.Now(), std::stop_token());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message,
            "drop partition " + old + ": 57014 canceling statement due to statement timeout");
  // The reader goes, and what was half detached is ended.
  ASSERT_TRUE(reader.Execute("COMMIT"));
  Run(Keep(hours(24)));
  EXPECT_THAT(LogBlockTables(), IsEmpty());
}

TEST_F(RetentionTest, SaysWhenTheDiskCannotBeAsked) {
  RetentionOptions options;
  options.disk_path = "/nonexistent";
  options.min_free_bytes = 1;
  Retention retention(options, Always(true), registry_);
  const auto done = retention.Run(*connection_, clock_.Now(), std::stop_token());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "statvfs /nonexistent: No such file or directory");
}

TEST_F(RetentionTest, FreezesAClosedPartitionOnce) {
  const std::string old = MakeLogBlockPartition(hours(24 * 3));
  Freezer freezer(registry_);
  const auto run = [&] {
    const auto pause = freezer.Run(*connection_, clock_.Now(), std::stop_token());
    EXPECT_TRUE(pause) << pause.error().message;
    return pause ? *pause : std::chrono::milliseconds(-1);
  };
  EXPECT_EQ(run().count(), 0);
  EXPECT_GT(run().count(), 0);
  EXPECT_EQ(Ask("SELECT string_agg(name, ',') FROM pgvigil.partition_state"), old);
  EXPECT_EQ(Ask("SELECT relallvisible = relpages AND relpages > 0 FROM pg_class WHERE relname = '" +
                old + "'"),
            "t");
}

}  // namespace
