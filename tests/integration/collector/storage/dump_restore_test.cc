// pg_dump of a collector's database, restored, is a working system.
#include <fmt/format.h>

#include <cstdlib>

#include "collector/storage/compaction/compaction.h"
#include "collector/storage/session.h"
#include "tests/integration/collector/storage/everything.h"
#include "tests/support/temporary_directory.h"

namespace tests {
namespace {

using collector::storage::Compaction;
using collector::storage::CompactionOptions;
using collector::storage::PartitionKeeper;
using shared::WallTime;
using std::chrono::hours;

// One of PostgreSQL's programs, to its end; it must succeed.
void RunProgram(const std::string& name, const std::string& arguments) {
  const char* const configured = std::getenv("PGVIGIL_PG_BIN");
  const std::string folder = configured != nullptr ? configured : "/usr/lib/postgresql/15/bin";
  EXPECT_EQ(std::system(fmt::format("{}/{} {}", folder, name, arguments).c_str()), 0) << name;
}

class DumpRestoreTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Everything everything(*store_, clock_.Now());
    everything.Put();
    sequence_ = everything.metrics_sequence();
    // What is older than an hour is in chunks, of both lengths.
    auto connection = collector::storage::OpenWriteSession(server_.Options("pgvigil"), "test");
    ASSERT_TRUE(connection) << connection.error().message;
    PartitionKeeper partitions;
    Compaction compaction(CompactionOptions{}, partitions, registry_);
    while (true) {
      const auto pause = compaction.Run(*connection, clock_.Now() - hours(1), {});
      ASSERT_TRUE(pause) << pause.error().message;
      if (pause->count() > 0) break;
    }
    // As of a cluster that has lived longer than the one that it is restored in.
    store_->Close();
    server_.Execute("UPDATE pgvigil.block SET txid = '90000000000'", "pgvigil");
    store_ = OpenStore(clock_);
  }

  void Dump() {
    RunProgram("pg_dump", fmt::format("-Fc -h {} -U postgres -f {} pgvigil",
                                      server_.socket_directory(), directory_ / "dump"));
  }
  void Restore(const PostgresServer& server, const std::string& database,
               const std::string& options) {
    server.Execute("CREATE DATABASE " + database);
    RunProgram("pg_restore",
               fmt::format("-h {} -U postgres -d {} --exit-on-error {} {}",
                           server.socket_directory(), database, options, directory_ / "dump"));
  }
  std::unique_ptr<Store> OpenOn(const PostgresServer& server, const std::string& database,
                                shared::metrics::Registry& registry) {
    StoreOptions options = Options(server);
    options.connect = server.Options(database);
    auto store = Store::Open(options, clock_, registry);
    EXPECT_TRUE(store) << store.error().message;
    WaitUntilReady(**store);
    return std::move(*store);
  }

  // What questions of every kind say.
  std::string Answers(Store& store) {
    const WallTime now = clock_.Now();
    std::string out;
    const auto samples = store.reader().Samples(
        Context(),
        {{"system.memory.usage", {}, {}}, {now - hours(3), now + hours(1)}, {}, 10, 10'000});
    EXPECT_TRUE(samples) << samples.error().message;
    for (const auto& series : samples ? samples->series : decltype(samples->series)()) {
      out += fmt::format("series {}: {} samples;", series.series.id, series.samples.size());
      for (const auto& sample : series.samples) {
        out += fmt::format(" {}={}", sample.time_unix_nano, sample.value);
      }
    }
    collector::api::StatementQuery statements;
    statements.range = {now - hours(50), now};
    const auto top = store.reader().TopStatements(Context(), statements);
    EXPECT_TRUE(top) << top.error().message;
    for (const auto& row : top.value_or(std::vector<collector::api::StatementRow>())) {
      out += fmt::format("\n{} {} {}", row.queryid, row.counters.at("calls"), row.text);
    }
    collector::api::LogQuery logs;
    logs.range = {now - hours(2), now};
    logs.limit = 5'000;
    const auto page = store.reader().Logs(Context(), logs);
    EXPECT_TRUE(page) << page.error().message;
    for (const auto& row : page ? page->rows : decltype(page->rows)()) {
      out += fmt::format("\n{} {}", row.offset, row.body);
    }
    return out;
  }

  // A minute of new metrics is stored once, though it is sent twice; a new host is made.
  void ExpectThatItLives(Store& store) {
    Everything more(store, clock_.Now());
    more.GoOnAfter(sequence_);
    more.PutMetrics(shared::ToUnixNanos(clock_.Now()), 1);
    more.GoOnAfter(sequence_);
    more.PutMetrics(shared::ToUnixNanos(clock_.Now()), 1);
    const auto samples = store.reader().Samples(
        Context(),
        {{"system.memory.usage", {}, {}}, {clock_.Now(), clock_.Now() + hours(1)}, {}, 10, 10'000});
    ASSERT_TRUE(samples) << samples.error().message;
    ASSERT_EQ(samples->series.size(), 2u);
    EXPECT_EQ(samples->series[0].samples.size(), 6u);
    pgvigil::v1::Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 2, 1);
    const shared::model::Layout layout = MakeLayout(3);
    AddLayout(batch, layout);
    AddBlock(batch, layout, MakeBlock(3, 6, shared::ToUnixNanos(clock_.Now())));
    const auto reply = Submit(store, std::move(batch));
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->refusals_size(), 0);
    const auto hosts = store.reader().Hosts(Context(), 10);
    ASSERT_TRUE(hosts);
    EXPECT_EQ(hosts->size(), 2u);
  }

  TemporaryDirectory directory_;
  uint64_t sequence_ = 0;
};

TEST_F(DumpRestoreTest, GivesAWorkingSystemInAnotherCluster) {
  Dump();
  const std::string before = Answers(*store_);
  ASSERT_NE(before.find("SELECT * FROM orders"), std::string::npos);
  const PostgresServer other;
  Restore(other, "pgvigil", "--no-privileges");
  shared::metrics::Registry registry;
  const auto store = OpenOn(other, "pgvigil", registry);
  EXPECT_EQ(Answers(*store), before);
  ExpectThatItLives(*store);
  EXPECT_TRUE(other.Connect("pgvigil").Execute(
      "SET ROLE pgvigil_reader; SELECT * FROM pgvigil.samples('system.memory.usage')"));
}

TEST_F(DumpRestoreTest, GivesAWorkingSystemBesideTheOldOne) {
  Dump();
  Restore(server_, "copy", "");
  shared::metrics::Registry registry;
  const auto store = OpenOn(server_, "copy", registry);
  EXPECT_EQ(Answers(*store), Answers(*store_));
  ExpectThatItLives(*store);
  const auto hosts = store_->reader().Hosts(Context(), 10);
  ASSERT_TRUE(hosts);
  EXPECT_EQ(hosts->size(), 1u);
}

}  // namespace
}  // namespace tests
