#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/postgres/views/view.h"
#include "tests/support/samples.h"
#include "tests/unit/agent/postgres/captured_table.h"

namespace agent::postgres {
namespace {

using SampleMap = std::map<std::string, double>;

SampleMap SamplesOf(const View& view, std::string_view rows) {
  pipeline::FrameBuilder frame;
  frame.Begin();
  view.add(CapturedTable(rows), frame);
  EXPECT_EQ(frame.duplicates(), 0U);
  const pipeline::FrameBuilder::Round round = frame.End();
  return tests::Samples(*round.layout, round.values);
}

TEST(DatabaseView, TakesTheColumnsOfPostgres14) {
  EXPECT_EQ(
      SamplesOf(kDatabaseView,
                "datid|datname|numbackends|xact_commit|blk_read_time|session_time|sessions|"
                "sessions_abandoned|sessions_fatal|sessions_killed|checksum_failures|xid_age|"
                "stats_reset_epoch\n"
                "5|shop|3|120|1500.5|2000|10|1|2|3|\\N|2144483648|1767225600.25\n"),
      (SampleMap{
          {"postgresql.commits{db.namespace=shop}", 120},
          {"postgresql.block.read.time{db.namespace=shop}", 1.5005},
          {"postgresql.session.time{db.namespace=shop,type=total}", 2},
          {"postgresql.session.count{db.namespace=shop,end=abandoned}", 1},
          {"postgresql.session.count{db.namespace=shop,end=fatal}", 2},
          {"postgresql.session.count{db.namespace=shop,end=killed}", 3},
          {"postgresql.session.count{db.namespace=shop,end=normal_or_open}", 4},
          {"postgresql.xid.age{db.namespace=shop}", 2144483648},
          {"postgresql.xid.wraparound.ratio{db.namespace=shop}", 1},
          {"postgresql.stats.reset_time{db.namespace=shop,view=pg_stat_database}", 1767225600.25},
      }));
}

TEST(DatabaseView, TakesWhatPostgres18Added) {
  EXPECT_EQ(SamplesOf(kDatabaseView,
                      "datname|deadlocks|parallel_workers_to_launch|parallel_workers_launched\n"
                      "shop|1|20|15\n"),
            (SampleMap{{"postgresql.deadlocks{db.namespace=shop}", 1},
                       {"postgresql.parallel.workers{db.namespace=shop,result=planned}", 20},
                       {"postgresql.parallel.workers{db.namespace=shop,result=launched}", 15}}));
}

TEST(DatabaseView, GivesSharedRelationsNoDatabase) {
  EXPECT_EQ(SamplesOf(kDatabaseView, "datname|blks_hit|sessions\n\\N|77|0\n"),
            (SampleMap{{"postgresql.blks_hit", 77}}));
}

TEST(DatabaseConflictsView, KnowsTheTypeThat16Added) {
  EXPECT_EQ(
      SamplesOf(kDatabaseConflictsView, "datname|confl_lock|confl_active_logicalslot\nshop|4|5\n"),
      (SampleMap{{"postgresql.query.conflicts{db.namespace=shop,postgresql.conflict.type=lock}", 4},
                 {"postgresql.query.conflicts{db.namespace=shop,postgresql.conflict.type="
                  "active_logicalslot}",
                  5}}));
}

TEST(BgwriterView, GivesTheSameMetricsBeforeAndAfter17) {
  const SampleMap expected{
      {"postgresql.bgwriter.buffers.allocated", 10},
      {"postgresql.bgwriter.buffers.writes{source=backend_fsync}", 9},
      {"postgresql.bgwriter.buffers.writes{source=backend}", 8},
      {"postgresql.bgwriter.buffers.writes{source=bgwriter}", 6},
      {"postgresql.bgwriter.buffers.writes{source=checkpoints}", 5},
      {"postgresql.bgwriter.checkpoint.count{type=requested}", 2},
      {"postgresql.bgwriter.checkpoint.count{type=scheduled}", 1},
      {"postgresql.bgwriter.duration{type=sync}", 4.5},
      {"postgresql.bgwriter.duration{type=write}", 3.5},
      {"postgresql.bgwriter.maxwritten", 7},
  };
  EXPECT_EQ(SamplesOf(kBgwriterView,
                      "checkpoints_timed|checkpoints_req|checkpoint_write_time|"
                      "checkpoint_sync_time|buffers_checkpoint|buffers_clean|maxwritten_clean|"
                      "buffers_backend|buffers_backend_fsync|buffers_alloc|stats_reset\n"
                      "1|2|3.5|4.5|5|6|7|8|9|10|2026-01-01 00:00:00+00\n"),
            expected);
  SampleMap from17 = expected;
  from17["postgresql.checkpointer.restartpoints{type=timed}"] = 11;
  from17["postgresql.checkpointer.restartpoints{type=requested}"] = 12;
  from17["postgresql.checkpointer.restartpoints{type=done}"] = 13;
  EXPECT_EQ(SamplesOf(kBgwriterView,
                      "num_timed|num_requested|restartpoints_timed|restartpoints_req|"
                      "restartpoints_done|write_time|sync_time|buffers_written|stats_reset|"
                      "buffers_clean|maxwritten_clean|buffers_alloc|backend_writes|backend_fsyncs\n"
                      "1|2|11|12|13|3.5|4.5|5|2026-01-01 00:00:00+00|6|7|10|8|9\n"),
            from17);
  EXPECT_EQ(SamplesOf(kBgwriterView, "num_done|slru_written\n3|4\n"),  // 18
            (SampleMap{{"postgresql.bgwriter.checkpoint.count{type=done}", 3},
                       {"postgresql.checkpointer.slru_written", 4}}));
}

TEST(WalView, GivesTheSameMetricsFromBothSources) {
  EXPECT_EQ(SamplesOf(kWalView,
                      "wal_records|wal_fpi|wal_bytes|wal_buffers_full|wal_write|wal_sync|"
                      "wal_write_time|wal_sync_time\n"
                      "1|2|18446744073709551616|4|5|6|7000|8000\n"),
            (SampleMap{{"postgresql.wal.records", 1},
                       {"postgresql.wal.full_page_images", 2},
                       {"postgresql.wal.bytes", 18446744073709551616.0},
                       {"postgresql.wal.buffers_full", 4},
                       {"postgresql.wal.writes", 5},
                       {"postgresql.wal.syncs", 6},
                       {"postgresql.wal.write.time", 7},
                       {"postgresql.wal.sync.time", 8}}));
}

TEST(ActivityView, ReportsEveryDatabaseAndUsualState) {
  const SampleMap samples =
      SamplesOf(kActivityView,
                "datname|backend_type|state|backends|now|xact_start|query_start|state_change\n"
                "empty|\\N|\\N|\\N|1000|\\N|\\N|\\N\n"
                "shop|client backend|active|2|1000|990|995|995\n"
                "shop|client backend|idle|5|1000|\\N|100|100\n"
                "shop|client backend|idle in transaction|1|1000|900|940|950\n"
                "shop|client backend|\\N|3|1000|\\N|\\N|\\N\n"
                "shop|autovacuum worker|active|1|1000|10|10|10\n"
                "\\N|checkpointer|\\N|1|1000|\\N|\\N|\\N\n");
  const auto state = [&](const std::string& database, const std::string& name) {
    const auto found =
        samples.find("postgresql.backends{db.namespace=" + database +
                     ",postgresql.backend_type=client backend,postgresql.state=" + name + "}");
    return found == samples.end() ? -1 : found->second;
  };
  EXPECT_EQ(state("shop", "active"), 2);
  EXPECT_EQ(state("shop", "idle"), 5);
  EXPECT_EQ(state("shop", "idle in transaction"), 1);
  EXPECT_EQ(state("shop", "idle in transaction (aborted)"), 0);
  EXPECT_EQ(state("shop", "unknown"), 3);
  EXPECT_EQ(state("empty", "active"), 0);
  EXPECT_EQ(state("empty", "unknown"), -1);
  EXPECT_EQ(samples.at("postgresql.backends{postgresql.backend_type=autovacuum worker}"), 1);
  EXPECT_EQ(samples.at("postgresql.backends{postgresql.backend_type=checkpointer}"), 1);
  EXPECT_EQ(samples.at("postgresql.backends{postgresql.backend_type=walsender}"), 0);
  EXPECT_EQ(samples.at("postgresql.backend.oldest.transaction.age{db.namespace=shop}"), 100);
  EXPECT_EQ(samples.at("postgresql.backend.oldest.query.age{db.namespace=shop}"), 5);
  EXPECT_EQ(samples.at("postgresql.backend.oldest.idle_in_transaction.age{db.namespace=shop}"), 50);
  EXPECT_EQ(samples.at("postgresql.backend.oldest.query.age{db.namespace=empty}"), 0);
}

TEST(ReplicationView, LeavesTheLagOfAnIdleStandbyAbsent) {
  const std::string_view columns =
      "application_name|client|state|sync_state|sent_bytes|write_bytes|flush_bytes|replay_bytes|"
      "write_lag|flush_lag|replay_lag|now|reply_time\n";
  const std::string labels = "{postgresql.application_name=west,replication_client=10.0.0.2}";
  const SampleMap idle =
      SamplesOf(kReplicationView,
                std::string(columns) + "west|10.0.0.2|streaming|sync|0|0|0|0|\\N|\\N|\\N|50|48\n");
  EXPECT_EQ(idle.at("postgresql.replication.data_delay" + labels), 0);
  EXPECT_EQ(idle.at("postgresql.replication.reply.age" + labels), 2);
  EXPECT_EQ(idle.at("postgresql.replication.clients"), 1);
  for (const auto& [name, value] : idle) {
    EXPECT_THAT(name, testing::Not(testing::StartsWith("postgresql.wal.delay")));
  }
  const SampleMap busy =
      SamplesOf(kReplicationView,
                std::string(columns) + "west|10.0.0.2|streaming|sync|1|2|3|4|0.1|0.2|0.3|50|48\n");
  EXPECT_EQ(busy.at("postgresql.replication.data_delay" + labels), 4);
  EXPECT_EQ(busy.at("postgresql.wal.delay{operation=replay,postgresql.application_name=west,"
                    "replication_client=10.0.0.2}"),
            0.3);
  EXPECT_EQ(SamplesOf(kReplicationView, columns),
            (SampleMap{{"postgresql.replication.clients", 0}}));
}

TEST(ReplicationSlotsView, TakesTheColumnsOf17) {
  const std::string labels =
      "{postgresql.replication_slot.name=s,postgresql.replication_slot.type=logical";
  EXPECT_EQ(
      SamplesOf(kReplicationSlotsView,
                "slot_name|slot_type|active|wal_status|safe_wal_size|inactive_since|"
                "invalidation_reason|failover|synced|retained_bytes|xmin_age|catalog_xmin_age|now|"
                "inactive_since_epoch\n"
                "s|logical|f|lost|\\N|2026-01-01 00:00:00+00|wal_removed|t|f|\\N|\\N|7|100|40\n"),
      (SampleMap{
          {"postgresql.replication_slot.active" + labels + "}", 0},
          {"postgresql.replication_slot.failover" + labels + "}", 1},
          {"postgresql.replication_slot.synced" + labels + "}", 0},
          {"postgresql.replication_slot.catalog_xmin.age" + labels + "}", 7},
          {"postgresql.replication_slot.inactive.age" + labels + "}", 60},
          {"postgresql.replication_slot.wal_status" + labels + ",status=lost}", 1},
          {"postgresql.replication_slot.invalidation_reason" + labels + ",reason=wal_removed}", 1},
      }));
}

TEST(WalPositionView, TellsAPrimaryFromAStandby) {
  EXPECT_EQ(
      SamplesOf(kWalPositionView,
                "now|position|received|replayed_at|redo_distance\n100|5000|\\N|\\N|64\n"),
      (SampleMap{{"postgresql.wal.position", 5000}, {"postgresql.checkpoint.redo.distance", 64}}));
  EXPECT_EQ(SamplesOf(kWalPositionView,
                      "now|position|received|replayed_at|redo_distance\n100|5000|5100|70|\\N\n"),
            (SampleMap{{"postgresql.wal.position", 5000},
                       {"postgresql.recovery.lag.bytes", 100},
                       {"postgresql.recovery.lag.time", 30}}));
}

TEST(WalReceiverView, SaysThatNoneRuns) {
  EXPECT_EQ(SamplesOf(kWalReceiverView, "status|received_tli|now|last_message\n"),
            (SampleMap{{"postgresql.wal_receiver.connected", 0}}));
  EXPECT_EQ(
      SamplesOf(kWalReceiverView, "status|received_tli|now|last_message\nstreaming|2|100|99\n"),
      (SampleMap{{"postgresql.wal_receiver.connected", 1},
                 {"postgresql.wal_receiver.timeline", 2},
                 {"postgresql.wal_receiver.last_message.age", 1}}));
}

TEST(Views, AddNothingForAnAnswerWithoutRowsOrColumns) {
  for (const std::span<const View* const> views : {FastViews(), SlowViews()}) {
    for (const View* const view : views) {
      for (const auto& [name, value] : SamplesOf(*view, "unknown\n")) {
        EXPECT_EQ(value, 0) << view->name << " " << name;  // a count, or "not connected"
      }
    }
  }
}

// What is left of a statement without its comment, its quoted text and its qualified operators.
std::string Bare(std::string_view sql) {
  std::string out(sql);
  const auto blank = [&](std::string_view open, std::string_view close) {
    for (size_t at = out.find(open); at != std::string::npos; at = out.find(open, at + 1)) {
      const size_t end = out.find(close, at + open.size());
      if (end == std::string::npos) return;
      out.replace(at, end + close.size() - at, " ");
    }
  };
  blank("/*", "*/");
  blank("'", "'");
  blank("OPERATOR(", ")");
  return out;
}

// Whoever owns a database can make functions, operators and views of any name there.
TEST(Views, QualifyEveryNameAndSayWhoAsks) {
  for (const int version : {140000, 150000, 160000, 170000, 180000, 190000}) {
    for (const bool in_recovery : {false, true}) {
      InstanceIdentity identity;
      identity.server_version = version;
      identity.in_recovery = in_recovery;
      for (const std::span<const View* const> views : {FastViews(), SlowViews()}) {
        for (const View* const view : views) {
          const std::string_view sql = view->sql(identity);
          if (sql.empty()) continue;
          EXPECT_THAT(sql, testing::StartsWith("/* pgvigil: ")) << view->name;
          const std::string bare = Bare(sql);
          EXPECT_EQ(bare.find_first_of("=<>+-/%~"), std::string::npos) << view->name << bare;
          for (size_t at = bare.find("pg_"); at != std::string::npos;
               at = bare.find("pg_", at + 1)) {
            const bool qualifier = bare.compare(at, 11, "pg_catalog.") == 0;
            const bool qualified = at >= 11 && bare.compare(at - 11, 11, "pg_catalog.") == 0;
            EXPECT_TRUE(qualifier || qualified) << view->name << ": " << bare.substr(at, 30);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace agent::postgres
