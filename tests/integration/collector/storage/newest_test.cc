#include <fmt/format.h>

#include <map>

#include "collector/storage/reader.h"
#include "tests/integration/collector/storage/store_fixture.h"

// The newest minutes in memory (collector/storage/newest), by way of the store's reader.
namespace tests {
namespace {

using pgvigil::v1::Batch;
using shared::postgres::Connection;

class Newest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    WaitForMemory();
    Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 1);
    AddLayout(batch, layout_);
    AddBlock(batch, layout_, MakeBlock(3, 6, kStart));
    ASSERT_TRUE(Submit(*store_, std::move(batch)));
  }

  void WaitForMemory() {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (registry_.Expose().find("\ncollector_newest_complete 1") == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "memory is never complete";
      std::this_thread::yield();
    }
  }
  double Loads() { return registry_.AddCounter("collector_newest_loads_total", "").value(); }

  // Of test.value{n="2"}, by seconds since kStart.
  std::map<int64_t, double> Samples(int64_t from, int64_t to) {
    const auto answer =
        store_->reader().Samples(Context(), {{"test.value", {}, {{"n", "2"}}},
                                             {shared::FromUnixNanos(kStart + from * kSecond),
                                              shared::FromUnixNanos(kStart + to * kSecond)},
                                             {},
                                             10,
                                             1000});
    EXPECT_TRUE(answer) << answer.error().message;
    std::map<int64_t, double> out;
    if (!answer || answer->series.empty()) return out;
    for (const auto& sample : answer->series[0].samples) {
      out[(sample.time_unix_nano - kStart) / kSecond] = sample.value;
    }
    return out;
  }

  // SQL that stores a block of the host's layout, as another collector would.
  static std::string InsertBlock(const shared::model::Block& block) {
    std::string payload;
    shared::wire::BlockEncoder().Encode(block, payload);
    std::string hex;
    for (const char byte : payload) hex += fmt::format("{:02x}", static_cast<uint8_t>(byte));
    return fmt::format(
        "INSERT INTO pgvigil.block (host_id, layout_id, first_time, last_time, ticks, format, data)"
        " VALUES (1, 1, to_timestamp({}), to_timestamp({}), {}, 1, '\\x{}')",
        block.times_unix_nano.front() / kSecond, block.times_unix_nano.back() / kSecond,
        block.ticks(), hex);
  }

  const shared::model::Layout layout_ = MakeLayout(3);
};

TEST_F(Newest, AnswersFromMemoryWhatWasCommittedBeforeTheQuestion) {
  const std::map<int64_t, double> all = {{0, 2000},  {10, 2001}, {20, 2002},
                                         {30, 2003}, {40, 2004}, {50, 2005}};
  EXPECT_EQ(Samples(0, 60), all);
  EXPECT_EQ(Samples(15, 31), (std::map<int64_t, double>{{20, 2002}, {30, 2003}}));
  // Not from PostgreSQL: it has nothing any more.
  server_.Execute("DELETE FROM pgvigil.block", "pgvigil");
  EXPECT_EQ(Samples(0, 60), all);
  // More than the window: memory has its part.
  EXPECT_EQ(Samples(-86'400, 60), all);
}

TEST_F(Newest, FindsWhatBeganEarlierAndCommitsLater) {
  Connection slow = server_.Connect("pgvigil");
  ASSERT_TRUE(slow.Execute("BEGIN"));
  ASSERT_TRUE(slow.Query(InsertBlock(MakeBlock(3, 1, kStart + 120 * kSecond))));
  Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, 1, 2);
  AddBlock(batch, layout_, MakeBlock(3, 1, kStart + 60 * kSecond));
  ASSERT_TRUE(Submit(*store_, std::move(batch)));
  EXPECT_EQ(Samples(-3600, 3600).size(), 7u);
  ASSERT_TRUE(slow.Execute("COMMIT"));
  EXPECT_EQ(Samples(-3600, 3600).size(), 8u);
  EXPECT_EQ(Samples(100, 3600), (std::map<int64_t, double>{{120, 2000}}));
}

TEST_F(Newest, BeginsAnewWhenItsConnectionIsLost) {
  ASSERT_EQ(Samples(0, 60).size(), 6u);
  const double loads = Loads();
  server_.Stop();
  server_.Start();
  // Neither waits for memory: PostgreSQL answers until it is complete again.
  EXPECT_EQ(Samples(0, 60).size(), 6u);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Loads() == loads && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_GT(Loads(), loads);
  EXPECT_EQ(Samples(0, 60).size(), 6u);
}

TEST_F(Newest, LeavesTheTimeOfADamagedBlockToPostgreSQL) {
  std::string insert = InsertBlock(MakeBlock(3, 6, kStart + 600 * kSecond));
  insert.replace(insert.rfind('\'') - 8, 8, "00000000");  // the checksum
  server_.Execute(insert, "pgvigil");
  EXPECT_EQ(Samples(0, 60).size(), 6u);
  const auto damaged =
      store_->reader().Samples(Context(), {{"test.value", {}, {}},
                                           {shared::FromUnixNanos(kStart + 600 * kSecond),
                                            shared::FromUnixNanos(kStart + 660 * kSecond)},
                                           {},
                                           10,
                                           1000});
  ASSERT_FALSE(damaged);
  EXPECT_TRUE(damaged.error().message.starts_with(
      "a stored block of layout 1 is damaged: block: checksum of 3 series and 6 ticks is "))
      << damaged.error().message;
}

}  // namespace
}  // namespace tests
