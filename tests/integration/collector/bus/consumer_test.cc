#include "collector/bus/consumer.h"

#include <fmt/format.h>

#include "collector/bus/replay.h"
#include "collector/storage/dead_letter_table.h"
#include "tests/integration/collector/bus/kafka_to_postgres.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using collector::bus::BatchHeaders;
using collector::bus::PartitionLag;
using pgvigil::v1::Batch;

TEST_F(KafkaToPostgres, StoresWhatIsThereAndWhatComes) {
  for (int agent = 0; agent < 8; ++agent) Produce(agent, 1, 5);
  const auto process = StartProcess();
  AwaitBlocks(40);
  for (int agent = 0; agent < 8; ++agent) Produce(agent, 6, 8);
  AwaitBlocks(64);
  EXPECT_EQ(Streams(), "batches 64 gaps 0 duplicates 0");
  EXPECT_TRUE(process->consumer->Ready());
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  int64_t stored = 0;
  while (stored < 64) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    stored = 0;
    for (const PartitionLag& lag : process->consumer->Lag()) stored += lag.next_offset;
  }
  for (const PartitionLag& lag : process->consumer->Lag()) EXPECT_EQ(lag.lag, 0);
}

TEST_F(KafkaToPostgres, StoresEverythingOnceThroughRebalances) {
  auto first = StartProcess();
  uint64_t sequence = 0;
  const auto produce = [&](uint64_t count) {
    for (int agent = 0; agent < 4; ++agent) Produce(agent, sequence + 1, sequence + count);
    sequence += count;
  };
  produce(20);
  AwaitBlocks(80);  // so that the first has claimed before the second joins
  auto second = StartProcess();
  produce(20);
  Await(
      "SELECT count(DISTINCT owner_epoch) > 0 AND max(owner_epoch) >= 2 FROM"
      " pgvigil.kafka_position",
      "t");
  produce(20);
  first->Stop();
  produce(20);
  first = StartProcess();
  produce(20);
  second.reset();
  produce(20);
  AwaitBlocks(480);
  EXPECT_EQ(Streams(), "batches 480 gaps 0 duplicates 0");
}

// Two groups, as of a misconfigured process: both are given every partition by Kafka.
TEST_F(KafkaToPostgres, StoresEverythingOnceWhenTwoBelieveThatTheyOwnAPartition) {
  collector::config::Kafka other = kafka_;
  other.group = kafka_.group + "-other";
  const auto first = StartProcess();
  const auto second = StartProcess(other);
  for (uint64_t round = 0; round < 6; ++round) {
    for (int agent = 0; agent < 4; ++agent) Produce(agent, round * 10 + 1, round * 10 + 10);
  }
  AwaitBlocks(240);
  EXPECT_EQ(Streams(), "batches 240 gaps 0 duplicates 0");
}

TEST_F(KafkaToPostgres, BeginsAnewWhenTheTopicWasMadeAgain) {
  auto process = StartProcess();
  Produce(0, 1, 5);
  Produce(1, 1, 5);
  AwaitBlocks(10);
  process->Stop();
  client_->DeleteTopic(kafka_.topic);
  client_->CreateTopic(kafka_.topic, 4);
  Produce(0, 5, 13);  // longer than before
  Produce(1, 6, 7);   // shorter
  process = StartProcess();
  AwaitBlocks(20);
  EXPECT_EQ(Streams(), "batches 20 gaps 0 duplicates 1");
  EXPECT_EQ(Ask("SELECT sum(recreations) FROM pgvigil.kafka_position"), "2");
}

TEST_F(KafkaToPostgres, BeginsAnewWhenTheTopicIsMadeAgainUnderIt) {
  const auto process = StartProcess();
  Produce(0, 1, 5);
  AwaitBlocks(5);
  client_->DeleteTopic(kafka_.topic);
  client_->CreateTopic(kafka_.topic, 4);
  Produce(0, 6, 8);
  AwaitBlocks(8);
  Produce(0, 9, 20);
  AwaitBlocks(20);
  EXPECT_EQ(Streams(), "batches 20 gaps 0 duplicates 0");
}

TEST_F(KafkaToPostgres, CountsWhatExpiredBeforeItWasStored) {
  auto process = StartProcess();
  Produce(0, 1, 3);
  AwaitBlocks(3);
  process->Stop();
  Produce(0, 4, 10);
  client_->DeleteRecordsBefore(kafka_.topic, 0, 6);
  process = StartProcess();
  AwaitBlocks(7);
  EXPECT_EQ(Streams(), "batches 7 gaps 3 duplicates 0");
  EXPECT_EQ(Ask("SELECT expired FROM pgvigil.kafka_position WHERE partition = 0"), "3");
}

TEST_F(KafkaToPostgres, GoesOnWhereNothingButTheStoredExpired) {
  auto process = StartProcess();
  Produce(0, 1, 3);
  AwaitBlocks(3);
  process->Stop();
  client_->DeleteRecordsBefore(kafka_.topic, 0, 3);
  process = StartProcess();
  Produce(0, 4, 5);
  AwaitBlocks(5);
  EXPECT_EQ(Streams(), "batches 5 gaps 0 duplicates 0");
  EXPECT_EQ(Ask("SELECT format('%s %s', expired, recreations) FROM pgvigil.kafka_position"
                " WHERE partition = 0"),
            "0 0");
}

TEST_F(KafkaToPostgres, BuriesPoisonInTheMiddle) {
  Produce(0, 1, 2);
  KafkaRecord garbage = Record(0, 3);
  garbage.value = "garbage";
  KafkaRecord later = Record(0, 4);
  later.headers[1].second = "2";
  KafkaRecord nameless{.value = "what is this", .partition = 0};
  client_->Produce(kafka_.topic, {garbage, later, nameless});
  Produce(0, 5, 6);
  const auto process = StartProcess();
  AwaitBlocks(4);
  EXPECT_EQ(Streams(), "batches 4 gaps 2 duplicates 0");
  EXPECT_EQ(Ask("SELECT string_agg(format('%s %s %s', \"offset\", reason, dead_offset), ', '"
                " ORDER BY id) FROM pgvigil.dead_letter"),
            "2 undecodable 0, 3 schema 1, 4 schema 2");
  const std::vector<KafkaRecord> dead = client_->ReadAll(kafka_.dead_topic);
  ASSERT_EQ(dead.size(), 3u);
  EXPECT_EQ(dead[0].value, "garbage");
  EXPECT_EQ(dead[0].key, "agent-0");
  EXPECT_EQ(dead[1].value, later.value);
  EXPECT_EQ(dead[2].key, std::nullopt);
  const std::pair<std::string, std::string> reason{"dead.message",
                                                   "header version: '2', this collector knows '1'"};
  EXPECT_EQ(dead[1].headers[1], reason);
  EXPECT_EQ(dead[1].headers.size(), later.headers.size() + 6);
}

// What is mended here is the layout that the batch named: it came too late.
TEST_F(KafkaToPostgres, ReplaysWhatWasBuriedAndStoresItOnce) {
  Batch early = AgentBatch(pgvigil::v1::STREAM_METRICS, 0, 1);
  AddBlock(early, layout_, MakeBlock(2, 6, begin_));
  collector::ingest::AcceptedBatch accepted;
  accepted.tenant.value = 1;
  accepted.batch = early;
  client_->Produce(kafka_.topic, {{.value = Compress(early.SerializeAsString()),
                                   .key = "agent-0",
                                   .headers = BatchHeaders(accepted),
                                   .partition = 0},
                                  {.value = "garbage", .partition = 0}});
  Produce(0, 2, 3);
  const auto process = StartProcess();
  AwaitBlocks(2);
  EXPECT_EQ(Streams(), "batches 2 gaps 1 duplicates 0");
  collector::storage::DeadLetterTable letters(server_.Options("pgvigil"));
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto report =
        collector::bus::ReplayDeadLetters(kafka_, letters, {.reason = "unknown_layout"});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->replayed, attempt == 0 ? 1u : 0u);
    EXPECT_TRUE(report->failures.empty());
  }
  AwaitBlocks(3);
  EXPECT_EQ(Streams(), "batches 3 gaps 0 duplicates 0");
  const auto waiting = letters.List({});
  ASSERT_TRUE(waiting) << waiting.error().message;
  ASSERT_EQ(waiting->size(), 1u);
  EXPECT_EQ(waiting->front().reason, "schema");
  client_->DeleteRecordsBefore(kafka_.dead_topic, 0, 2);
  const auto gone = collector::bus::ReplayDeadLetters(kafka_, letters, {});
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->failures, std::vector<std::string>{fmt::format(
                                "2: {} [0] has no record 1 any more", kafka_.dead_topic)});
}

TEST_F(KafkaToPostgres, CatchesUpAfterPostgresWasAway) {
  const auto process = StartProcess();
  Produce(0, 1, 1);
  AwaitBlocks(1);
  server_.Stop();
  for (int agent = 0; agent < 4; ++agent) Produce(agent, agent == 0 ? 2 : 1, 40);
  server_.Start();
  AwaitBlocks(160);
  EXPECT_EQ(Streams(), "batches 160 gaps 0 duplicates 0");
}

TEST_F(KafkaToPostgres, StartsWhilePostgresIsAway) {
  server_.Stop();
  Produce(0, 1, 5);
  const auto process = StartProcess();
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!process->consumer->Ready()) ASSERT_LT(std::chrono::steady_clock::now(), give_up);
  server_.Start();
  AwaitBlocks(5);
}

TEST_F(KafkaToPostgres, StoresWhatAForeignProducerWrites) {
  kafka_.sources.push_back({.topic = kafka_.topic + "-json", .encoding = "json"});
  client_->CreateTopic(kafka_.sources[0].topic, 1);
  const auto value = [&](int i) {
    return fmt::format(R"({{"host":"db9","metric":"disk.used","value":{},"ts_event":{}}})", i,
                       begin_ / kSecond + i * 10);
  };
  client_->Produce(kafka_.sources[0].topic,
                   {{.value = value(1)}, {.value = "nonsense"}, {.value = value(2)}});
  const auto process = StartProcess();
  AwaitBlocks(2);
  Await("SELECT next_offset FROM pgvigil.kafka_position WHERE topic LIKE '%-json'", "3");
  EXPECT_EQ(Ask("SELECT name FROM pgvigil.host"), "db9");
}

}  // namespace
}  // namespace tests
