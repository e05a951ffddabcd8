// Kafka dies, hangs, comes back: what was taken arrives, what was acknowledged is there.
#include "collector/bus/producer.h"

#include <algorithm>

#include "collector/bus/topics.h"
#include "tests/integration/collector/bus/shared_kafka.h"

namespace collector::bus {
namespace {

using std::chrono::seconds;
using tests::KafkaRecord;
using tests::MetricValue;
using tests::SendResults;

class ProducerTest : public tests::SharedKafka {
 protected:
  std::unique_ptr<Producer> Open() {
    shared::Result<std::unique_ptr<Producer>> producer = Producer::Open(config_, registry_);
    EXPECT_TRUE(producer) << producer.error().message;
    return std::move(*producer);
  }
  static SendResults Send(Producer& producer, std::vector<Record> records) {
    SendResults results;
    EXPECT_TRUE(producer.TrySend(records, results.done()));
    return results;
  }
  // "key-i" to "value-i", in one TrySend each.
  static std::vector<SendResults> SendMany(Producer& producer, const std::string& topic, int from,
                                           int to) {
    std::vector<SendResults> out;
    for (int i = from; i < to; ++i) {
      out.push_back(Send(producer, {{topic, "one-key", "value-" + std::to_string(i), {}}}));
    }
    return out;
  }
  // The values of a topic without repetitions, in the order of their first appearance.
  static std::vector<std::string> DistinctValues(const std::string& topic) {
    std::vector<std::string> out;
    for (const KafkaRecord& record : Client().ReadAll(topic)) {
      if (std::find(out.begin(), out.end(), record.value) == out.end()) out.push_back(record.value);
    }
    return out;
  }
  static std::vector<std::string> Values(int from, int to) {
    std::vector<std::string> out;
    for (int i = from; i < to; ++i) out.push_back("value-" + std::to_string(i));
    return out;
  }
};

TEST_F(ProducerTest, SendsKeyValueAndHeadersUnchanged) {
  Client().CreateTopic(Topic());
  const std::unique_ptr<Producer> producer = Open();
  const std::string value("\0\xff bytes", 8);
  SendResults results = Send(*producer, {{Topic(), "key", value, {{"schema", "x"}, {"n", "1"}}},
                                         {Topic(), "key", "", {}}});
  EXPECT_EQ(results.Text(), "ok\nok");
  const std::vector<KafkaRecord> records = Client().ReadAll(Topic());
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].key, "key");
  EXPECT_EQ(records[0].value, value);
  EXPECT_EQ(records[0].headers,
            (std::vector<std::pair<std::string, std::string>>{{"schema", "x"}, {"n", "1"}}));
  EXPECT_EQ(records[1].value, "");
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_queue_bytes"), "0");
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_records_sent_total{topic=\"" + Topic() + "\"}"),
            "2");
}

TEST_F(ProducerTest, ChoosesPartitionsAsJavaDoes) {
  Client().CreateTopic(Topic(), 3);
  const std::unique_ptr<Producer> producer = Open();
  // (murmur2(key) & 0x7fffffff) % 3, as org.apache.kafka.common.utils.Utils computes it.
  EXPECT_EQ(Send(*producer, {{Topic(), "foobar", "0", {}}, {Topic(), "21", "1", {}}}).Text(),
            "ok\nok");
  for (const KafkaRecord& record : Client().ReadAll(Topic())) {
    // murmur2("foobar") = -790332482, murmur2("21") = -973932308
    const int64_t hash = record.key == "foobar" ? -790332482 : -973932308;
    EXPECT_EQ(record.partition, (hash & 0x7fffffff) % 3) << *record.key;
  }
}

TEST_F(ProducerTest, KeepsWhatItTookThroughKill9OfTheBroker) {
  Client().CreateTopic(Topic());
  const std::unique_ptr<Producer> producer = Open();
  std::vector<SendResults> sent = SendMany(*producer, Topic(), 0, 50);
  EXPECT_EQ(sent.back().Text(), "ok");
  server_->Kill9();
  std::vector<SendResults> waiting = SendMany(*producer, Topic(), 50, 100);
  server_->Start();
  for (SendResults& results : waiting) EXPECT_EQ(results.Text(), "ok");
  EXPECT_EQ(DistinctValues(Topic()), Values(0, 100));
}

TEST_F(ProducerTest, AnswersInTimeWhileTheBrokerIsAwayAndSendsWhenItIsBack) {
  Client().CreateTopic(Topic());
  config_.delivery_timeout = std::chrono::milliseconds(1'500);
  const std::unique_ptr<Producer> producer = Open();
  const auto send_until_it_arrives_in_time = [&](int& next) {
    while (next < 100 && SendMany(*producer, Topic(), next, next + 1)[0].Text() != "ok") next += 1;
    next += 1;
  };
  int next = 0;
  send_until_it_arrives_in_time(next);
  EXPECT_TRUE(producer->Ready());
  server_->Kill9();
  const std::string answer = SendMany(*producer, Topic(), next, next + 1)[0].Text();
  next += 1;
  EXPECT_TRUE(answer.starts_with("unavailable: Kafka did not acknowledge within 1500 ms: Kafka: "))
      << answer;
  EXPECT_FALSE(producer->Ready());
  EXPECT_NE(MetricValue(registry_, "collector_kafka_send_errors_total{reason=\"late\"}"), "");
  server_->Start();
  // What was answered with an error was kept nevertheless, and goes first.
  send_until_it_arrives_in_time(next);
  EXPECT_EQ(DistinctValues(Topic()), Values(0, next));
  EXPECT_TRUE(producer->Ready());
}

TEST_F(ProducerTest, TakesNoMoreThanTheQueueHolds) {
  Client().CreateTopic(Topic());
  config_.queue_size_bytes = 100'000;
  const std::unique_ptr<Producer> producer = Open();
  server_->Freeze();
  const std::string value(30'000, 'x');
  std::vector<SendResults> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(Send(*producer, {{Topic(), "k", value, {}}}));
  std::vector<Record> more{{Topic(), "k", value, {}}};
  EXPECT_FALSE(producer->TrySend(more, [](auto) { FAIL() << "called"; }));
  EXPECT_EQ(more[0].value, value);
  server_->Thaw();
  for (SendResults& results : taken) EXPECT_EQ(results.Text(), "ok");
  EXPECT_EQ(Send(*producer, more).Text(), "ok");
  EXPECT_EQ(Client().ReadAll(Topic()).size(), 4u);
}

TEST_F(ProducerTest, RefusesARecordThatIsTooLargeAndSendsTheOthers) {
  Client().CreateTopic(Topic(), 1, {{"max.message.bytes", "700000"}});
  config_.message_limit_bytes = 1'000'000;
  const std::unique_ptr<Producer> producer = Open();
  SendResults results = Send(*producer, {{Topic(), "k", "before", {}},
                                         {Topic(), "k", std::string(1'000'001, 'x'), {}},
                                         {Topic(), "k", std::string(800'000, 'x'), {}},
                                         {Topic(), "k", "after", {}}});
  EXPECT_EQ(
      results.Text(),
      "ok\n"
      "invalid_input: a record of 1000002 bytes is larger than kafka.message_limit (1000000)\n"
      "invalid_input: topic " +
          Topic() +
          ": Broker: Message size too large\n"
          "ok");
  EXPECT_EQ(DistinctValues(Topic()), (std::vector<std::string>{"before", "after"}));
}

TEST_F(ProducerTest, FailsOverToANewProducerAfterAFatalError) {
  Client().CreateTopic(Topic());
  const std::unique_ptr<Producer> producer = Open();
  EXPECT_EQ(SendMany(*producer, Topic(), 0, 1)[0].Text(), "ok");
  server_->Freeze();
  std::vector<SendResults> waiting = SendMany(*producer, Topic(), 1, 100);
  producer->FailFatally();
  std::vector<SendResults> later = SendMany(*producer, Topic(), 100, 120);
  server_->Thaw();
  for (SendResults& results : waiting) EXPECT_EQ(results.Text(), "ok");
  for (SendResults& results : later) EXPECT_EQ(results.Text(), "ok");
  EXPECT_EQ(DistinctValues(Topic()), Values(0, 120));
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_producers_recreated_total"), "1");
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_queue_bytes"), "0");
}

TEST_F(ProducerTest, GoesOnWhenATopicIsMadeAnew) {
  Client().CreateTopic(Topic());
  const std::unique_ptr<Producer> producer = Open();
  EXPECT_EQ(SendMany(*producer, Topic(), 0, 1)[0].Text(), "ok");
  Client().DeleteTopic(Topic());
  Client().CreateTopic(Topic());
  for (int i = 1; i < 4; ++i) EXPECT_EQ(SendMany(*producer, Topic(), i, i + 1)[0].Text(), "ok");
  EXPECT_EQ(DistinctValues(Topic()), Values(1, 4));
}

TEST_F(ProducerTest, LeavesNothingInFlightWhenItIsClosed) {
  Client().CreateTopic(Topic());
  const std::unique_ptr<Producer> producer = Open();
  std::vector<SendResults> sent = SendMany(*producer, Topic(), 0, 200);
  producer->Close(seconds(120));
  for (SendResults& results : sent) {
    ASSERT_TRUE(results.ready());
    EXPECT_EQ(results.Text(), "ok");
  }
  EXPECT_EQ(DistinctValues(Topic()), Values(0, 200));
  std::vector<Record> late{{Topic(), "k", "late", {}}};
  EXPECT_FALSE(producer->TrySend(late, [](auto) { FAIL() << "called"; }));
}

TEST_F(ProducerTest, AnswersWhatItCannotSendWhenItIsClosed) {
  Client().CreateTopic(Topic());
  const std::unique_ptr<Producer> producer = Open();
  EXPECT_EQ(SendMany(*producer, Topic(), 0, 1)[0].Text(), "ok");
  server_->Kill9();
  std::vector<SendResults> sent = SendMany(*producer, Topic(), 1, 3);
  producer->Close(std::chrono::milliseconds(100));
  for (SendResults& results : sent) {
    ASSERT_TRUE(results.ready());
    EXPECT_EQ(results.Text(), "cancelled: the producer was closed before Kafka acknowledged");
  }
}

class TopicsTest : public tests::SharedKafka {};

TEST_F(TopicsTest, AreMadeWithRoomForTheLargestRecord) {
  const std::vector<std::string> wanted{Topic("a"), Topic("b"), Topic("a")};
  config_.message_limit_bytes = 5'000'000;
  const auto made = EnsureTopics(config_, wanted, seconds(120));
  ASSERT_TRUE(made) << made.error().message;
  const TopicState state{.partitions = 3, .max_message_bytes = 5'065'536, .created = true};
  EXPECT_EQ(*made, (std::map<std::string, TopicState>{{Topic("a"), state}, {Topic("b"), state}}));
  EXPECT_EQ(Client().Partitions(Topic("b")), 3);
  EXPECT_EQ(Client().TopicSetting(Topic("b"), "max.message.bytes"), "5065536");
}

TEST_F(TopicsTest, AreLeftAsTheyAreWhenTheyExist) {
  Client().CreateTopic(Topic(), 2, {{"max.message.bytes", "70000"}});
  const auto found = EnsureTopics(config_, std::vector<std::string>{Topic()}, seconds(120));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->at(Topic()),
            (TopicState{.partitions = 2, .max_message_bytes = 70'000, .created = false}));
}

TEST_F(TopicsTest, AreAnErrorWithTheCommandWhenTheyMustNotBeMade) {
  config_.create_topics = false;
  const auto missing = EnsureTopics(config_, std::vector<std::string>{Topic()}, seconds(120));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, shared::ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message,
            "topic " + Topic() +
                " does not exist and kafka.create_topics is false; to make it: "
                "kafka-topics.sh --bootstrap-server " +
                server_->address() + " --create --topic " + Topic() +
                " --partitions 3 --config max.message.bytes=16842752");
}

TEST_F(TopicsTest, AreAnErrorWithTheCommandWhenTheBrokerRefuses) {
  config_.replication = 2;
  const auto refused = EnsureTopics(config_, std::vector<std::string>{Topic()}, seconds(120));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, shared::ErrorCode::kInvalidInput);
  EXPECT_EQ(refused.error().message,
            "topic " + Topic() +
                " cannot be made: Unable to replicate the partition 2 time(s): The target "
                "replication factor of 2 cannot be reached because only 1 broker(s) are "
                "registered or some brokers have all their log directories cordoned.; to make it "
                "by hand: kafka-topics.sh --bootstrap-server " +
                server_->address() + " --create --topic " + Topic() +
                " --partitions 3 --replication-factor 2 --config max.message.bytes=16842752");
}

TEST_F(TopicsTest, CannotBeAskedForWhileTheBrokerIsAway) {
  server_->Kill9();
  const auto away =
      EnsureTopics(config_, std::vector<std::string>{Topic()}, std::chrono::milliseconds(500));
  ASSERT_FALSE(away);
  EXPECT_TRUE(shared::IsRetryable(away.error().code)) << away.error().message;
  EXPECT_EQ(away.error().message, "Kafka: list of topics: Local: Broker transport failure");
}

}  // namespace
}  // namespace collector::bus
