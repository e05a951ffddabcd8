// What stops a partition, a consumer or a claim, and that it stops nothing else.
#include "collector/bus/consumer.h"

#include "collector/bus/replay.h"
#include "collector/storage/dead_letter_table.h"
#include "tests/integration/collector/bus/kafka_to_postgres.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using collector::bus::PartitionLag;

TEST_F(KafkaToPostgres, StopsOnlyThePartitionOfARecordThatCannotBeBuried) {
  kafka_.create_topics = false;
  kafka_.delivery_timeout = 3s;
  client_->DeleteTopic(kafka_.dead_topic);
  Produce(0, 1, 2);
  client_->Produce(kafka_.topic, {{.value = "garbage", .partition = 0}});
  Produce(0, 3, 4);
  const auto process = StartProcess(kafka_, 1);  // one writer for all partitions
  for (int agent = 1; agent < 4; ++agent) Produce(agent, 1, 5);
  AwaitBlocks(2 + 15);
  AwaitMetric(*process, "collector_kafka_blocked_partitions", "1");
  for (int agent = 1; agent < 4; ++agent) Produce(agent, 6, 10);
  AwaitBlocks(2 + 30);
  for (const PartitionLag& lag : process->consumer->Lag()) {
    if (lag.id.partition != 0) {
      EXPECT_EQ(lag.blocked, "");
      continue;
    }
    EXPECT_EQ(lag.next_offset, 2);
    EXPECT_TRUE(lag.paused);
    EXPECT_TRUE(
        lag.blocked.starts_with("schema: header schema: '', expected 'pgvigil.v1.Batch'; "
                                "it cannot be buried: "))
        << lag.blocked;
  }
  const auto ready = process->consumer->Ready();
  EXPECT_EQ(ready ? "" : ready.error().message.substr(0, kafka_.dead_topic.size() + 21),
            "topic " + kafka_.dead_topic + " does not exist");
  client_->CreateTopic(kafka_.dead_topic, 1);
  AwaitBlocks(4 + 30);
  AwaitMetric(*process, "collector_kafka_blocked_partitions", "0");
  EXPECT_EQ(Streams(), "batches 34 gaps 0 duplicates 0");
  EXPECT_EQ(Ask("SELECT string_agg(format('%s %s', \"offset\", reason), ', ') FROM"
                " pgvigil.dead_letter"),
            "2 schema");
  ASSERT_GE(client_->ReadAll(kafka_.dead_topic).size(), 1u);
  EXPECT_EQ(client_->ReadAll(kafka_.dead_topic)[0].value, "garbage");
}

TEST_F(KafkaToPostgres, BuriesWhatIsTooLargeForTheDeadLetterTopicWithoutItsValue) {
  kafka_.dead_topic += "-small";
  client_->CreateTopic(kafka_.dead_topic, 1, {{"max.message.bytes", "2000"}});
  client_->Produce(kafka_.topic,
                   {{.value = std::string(5'000, 'x'), .key = "agent-0", .partition = 0}});
  Produce(0, 1, 2);
  const auto process = StartProcess();
  AwaitBlocks(2);
  const std::vector<KafkaRecord> dead = client_->ReadAll(kafka_.dead_topic);
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].value, "");
  EXPECT_EQ(dead[0].key, "agent-0");
  const std::pair<std::string, std::string> emptied{"dead.emptied", "true"};
  EXPECT_EQ(dead[0].headers.back(), emptied);
  EXPECT_EQ(Ask("SELECT format('%s %s %s', \"offset\", reason, size_bytes) FROM"
                " pgvigil.dead_letter"),
            "0 schema 5000");
  collector::storage::DeadLetterTable letters(server_.Options("pgvigil"));
  const auto report = collector::bus::ReplayDeadLetters(kafka_, letters, {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failures,
            std::vector<std::string>{"1: it was too large for " + kafka_.dead_topic +
                                     ", which has no value of it"});
}

TEST_F(KafkaToPostgres, ReadsOtherPartitionsWhileATransactionHoldsOne) {
  auto process = StartProcess();
  for (int agent = 0; agent < 4; ++agent) Produce(agent, 1, 1);
  AwaitBlocks(4);
  process->Stop();
  // A former owner that hangs in the middle of its transaction.
  shared::postgres::Connection zombie = server_.Connect("pgvigil");
  ASSERT_TRUE(zombie.Execute("BEGIN"));
  ASSERT_TRUE(zombie.Query("SELECT 1 FROM pgvigil.kafka_position WHERE partition = 0 FOR UPDATE"));
  process = StartProcess();
  for (int agent = 0; agent < 4; ++agent) Produce(agent, 2, 3);
  AwaitBlocks(4 + 6);
  EXPECT_TRUE(process->consumer->Ready());
  ASSERT_TRUE(zombie.Execute("COMMIT"));
  AwaitBlocks(4 + 8);
  EXPECT_EQ(Streams(), "batches 12 gaps 0 duplicates 0");
}

TEST_F(KafkaToPostgres, GoesOnWithANewConsumerAfterAFatalError) {
  kafka_.session_timeout = 6s;  // the group waits for the old one so long
  const auto process = StartProcess();
  for (int agent = 0; agent < 4; ++agent) Produce(agent, 1, 5);
  AwaitBlocks(20);
  process->consumer->FailFatally();
  for (int agent = 0; agent < 4; ++agent) Produce(agent, 6, 10);
  AwaitMetric(*process, "collector_kafka_consumers_recreated_total", "1");
  AwaitBlocks(40);
  EXPECT_EQ(Streams(), "batches 40 gaps 0 duplicates 0");
  EXPECT_TRUE(process->consumer->Ready());
}

}  // namespace
}  // namespace tests
