// Batches on their way to Kafka: what is in the topic, and what the agent is told.
#include "collector/bus/publisher.h"

#include <gmock/gmock.h>

#include <functional>

#include "collector/bus/batch_headers.h"
#include "tests/integration/collector/bus/shared_kafka.h"
#include "tests/support/batch_builder.h"

namespace collector::bus {
namespace {

using ingest::AcceptedBatch;
using pgvigil::v1::BatchReply;
using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Pair;
using ::testing::StartsWith;
using tests::KafkaRecord;
using tests::MetricValue;

constexpr const char* kUuid = "61616161-6161-6161-6161-616161616161";

// One record for each block: the name of the first series of its layout.
class FakeFeed final : public Feed {
 public:
  explicit FakeFeed(std::string topic) : topic_(std::move(topic)) {}
  [[nodiscard]] std::string_view name() const override { return "fake"; }
  [[nodiscard]] std::string_view topic() const override { return topic_; }
  [[nodiscard]] std::string_view content_type() const override { return "text/plain"; }
  [[nodiscard]] bool needs_layouts() const override { return true; }
  uint64_t Encode(const AcceptedBatch& accepted, const LayoutSource& layouts,
                  size_t /*record_bytes*/, std::vector<FeedRecord>& out) const override {
    uint64_t unknown = 0;
    for (const pgvigil::v1::MetricBlock& block : accepted.batch.blocks()) {
      const pgvigil::v1::Layout* const layout = layouts.Find(block.layout_hash());
      if (layout == nullptr) {
        unknown += block.ticks();
      } else {
        out.push_back({kUuid, layout->series(0).name(), block.ticks()});
      }
    }
    return unknown;
  }

 private:
  const std::string topic_;
};

class PublisherTest : public tests::SharedKafka {
 protected:
  void SetUp() override {
    SharedKafka::SetUp();
    config_.topic = Topic("batches");
  }
  std::unique_ptr<Publisher> Open(bool with_feed = false) {
    std::vector<std::unique_ptr<Feed>> feeds;
    if (with_feed) feeds.push_back(std::make_unique<FakeFeed>(Topic("feed")));
    shared::Result<std::unique_ptr<Publisher>> publisher =
        Publisher::Open(config_, std::move(feeds), clock_, registry_);
    EXPECT_TRUE(publisher) << publisher.error().message;
    return std::move(*publisher);
  }
  // When it is ready, or not after 2 min.
  std::unique_ptr<Publisher> OpenReady(bool with_feed = false) {
    std::unique_ptr<Publisher> publisher = Open(with_feed);
    EXPECT_EQ(AwaitReady(*publisher), "");
    return publisher;
  }
  static std::string AwaitReady(const Publisher& publisher) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!publisher.Ready() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    const shared::Result<void> ready = publisher.Ready();
    return ready ? "" : ready.error().message;
  }

  // A metrics batch with one block of 10 ticks.
  static AcceptedBatch Metrics(uint64_t sequence, const std::string& hash, bool with_layout) {
    pgvigil::v1::Batch batch = tests::MakeBatch(pgvigil::v1::STREAM_METRICS, sequence);
    if (with_layout) {
      pgvigil::v1::Layout* layout = batch.add_layouts();
      layout->set_hash(hash);
      layout->add_series()->set_name("name of " + hash);
    }
    pgvigil::v1::MetricBlock* block = batch.add_blocks();
    block->set_layout_hash(hash);
    block->set_ticks(10);
    block->set_series(1);
    return Accepted(std::move(batch));
  }
  static AcceptedBatch Logs(uint64_t sequence) {
    return Accepted(tests::MakeBatch(pgvigil::v1::STREAM_LOGS, sequence));
  }
  static AcceptedBatch Accepted(pgvigil::v1::Batch batch) {
    AcceptedBatch accepted;
    accepted.tenant = {1};
    accepted.body = tests::Compress(batch.SerializeAsString());
    accepted.batch = std::move(batch);
    return accepted;
  }

  using Answer = std::shared_future<shared::Result<BatchReply>>;
  static Answer Submit(Publisher& publisher, AcceptedBatch accepted) {
    const auto promise = std::make_shared<std::promise<shared::Result<BatchReply>>>();
    EXPECT_TRUE(publisher.Submit(accepted, [promise](shared::Result<BatchReply> reply) {
      promise->set_value(std::move(reply));
    }));
    return promise->get_future().share();
  }
  // "ack 3", "missing h1 h2" or "<code>: <message>".
  static std::string Text(const Answer& answer) {
    if (answer.wait_for(std::chrono::minutes(3)) != std::future_status::ready) return "nothing";
    const shared::Result<BatchReply>& reply = answer.get();
    if (!reply) {
      return std::string(shared::CodeName(reply.error().code)) + ": " + reply.error().message;
    }
    if (reply->missing_layouts_size() == 0) {
      return "ack " + std::to_string(reply->acknowledged_sequence());
    }
    std::string out = "missing";
    for (const std::string& hash : reply->missing_layouts()) out += " " + hash;
    return out;
  }
  static std::string Post(Publisher& publisher, AcceptedBatch accepted) {
    return Text(Submit(publisher, std::move(accepted)));
  }
  // The first answer that is not for lack of time.
  static std::string PostPatiently(Publisher& publisher, const AcceptedBatch& accepted) {
    std::string answer;
    do {
      answer = Post(publisher, accepted);
    } while (answer.starts_with("unavailable: "));
    return answer;
  }

  const shared::SystemClock clock_;
};

TEST_F(PublisherTest, PublishesTheBodyAsItCameWithHeadersAndTheAgentAsKey) {
  const std::unique_ptr<Publisher> publisher = OpenReady();
  AcceptedBatch accepted = Logs(3);
  accepted.refusals.emplace_back().set_reason("nul_byte");
  // A frame more than a decoder would write: bytes must not be made anew.
  accepted.body += tests::Compress("");
  const std::string body = accepted.body;
  const Answer answer = Submit(*publisher, std::move(accepted));
  EXPECT_EQ(Text(answer), "ack 3");
  EXPECT_EQ(answer.get()->stream(), pgvigil::v1::STREAM_LOGS);
  EXPECT_EQ(answer.get()->incarnation(), 7u);
  ASSERT_EQ(answer.get()->refusals_size(), 1);
  EXPECT_EQ(answer.get()->refusals(0).reason(), "nul_byte");
  const std::vector<KafkaRecord> records = Client().ReadAll(config_.topic);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].value, body);
  EXPECT_EQ(records[0].key, kUuid);
  EXPECT_EQ(records[0].headers, BatchHeaders(Logs(3)));
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_batches_total{result=\"published\"}"), "1");
}

TEST_F(PublisherTest, AsksForALayoutThatItDoesNotKnow) {
  const std::unique_ptr<Publisher> publisher = OpenReady();
  EXPECT_EQ(Post(*publisher, Metrics(1, "h1", false)), "missing h1");
  EXPECT_EQ(Client().ReadAll(config_.topic).size(), 0u);
  EXPECT_EQ(Post(*publisher, Metrics(1, "h1", true)), "ack 1");
  EXPECT_EQ(Post(*publisher, Metrics(2, "h1", false)), "ack 2");
  EXPECT_EQ(Post(*publisher, Metrics(3, "h2", false)), "missing h2");
  EXPECT_EQ(Client().ReadAll(config_.topic).size(), 2u);
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_batches_total{result=\"missing_layout\"}"),
            "2");
}

TEST_F(PublisherTest, DoesNotTakeALayoutForKnownThatKafkaNeverGot) {
  config_.message_limit_bytes = 300;
  const std::unique_ptr<Publisher> publisher = OpenReady();
  AcceptedBatch large = Metrics(1, "h1", true);
  large.body.append(400, 'x');
  EXPECT_THAT(Post(*publisher, std::move(large)), StartsWith("invalid_input: a record of "));
  EXPECT_EQ(Post(*publisher, Metrics(2, "h1", false)), "missing h1");
}

TEST_F(PublisherTest, PublishesFeedsBesideTheBatch) {
  const std::unique_ptr<Publisher> publisher = OpenReady(true);
  EXPECT_EQ(Post(*publisher, Metrics(1, "h1", true)), "ack 1");
  EXPECT_EQ(Post(*publisher, Metrics(2, "h1", false)), "ack 2");
  const std::vector<KafkaRecord> records = Client().ReadAll(Topic("feed"));
  ASSERT_EQ(records.size(), 2u);
  for (const KafkaRecord& record : records) {
    EXPECT_EQ(record.value, "name of h1");  // also of the batch that did not bring the layout
    EXPECT_EQ(record.key, kUuid);
    EXPECT_THAT(record.headers, Contains(Pair("content-type", "text/plain")));
  }
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_feed_items_total{feed=\"fake\"}"), "20");
}

TEST_F(PublisherTest, PublishesBatchesWhileTheTopicOfAFeedIsMissing) {
  config_.create_topics = false;
  Client().CreateTopic(config_.topic);
  const std::unique_ptr<Publisher> publisher = OpenReady(true);
  EXPECT_EQ(Post(*publisher, Metrics(1, "h1", true)), "ack 1");
  EXPECT_EQ(MetricValue(registry_,
                        "collector_kafka_feed_errors_total{feed=\"fake\",reason=\"no_topic\"}"),
            "1");
  Client().CreateTopic(Topic("feed"));
  uint64_t sequence = 2;
  while (sequence < 100'000 && Client().ReadAll(Topic("feed")).empty()) {
    EXPECT_EQ(Post(*publisher, Metrics(sequence, "h1", false)), "ack " + std::to_string(sequence));
    sequence += 1;
  }
}

TEST_F(PublisherTest, IsNotReadyWithoutItsTopicAndSaysHowToMakeIt) {
  config_.create_topics = false;
  const std::unique_ptr<Publisher> publisher = Open();
  const std::string message = "topic " + config_.topic +
                              " does not exist and kafka.create_topics is false; to make it: "
                              "kafka-topics.sh --bootstrap-server " +
                              server_->address() + " --create --topic " + config_.topic +
                              " --partitions 3 --config max.message.bytes=16842752";
  while (publisher->Ready().error().message == "Kafka has not answered yet") {
    std::this_thread::yield();
  }
  EXPECT_EQ(publisher->Ready().error().message, message);
  EXPECT_EQ(Post(*publisher, Logs(1)), "unavailable: " + message);
  Client().CreateTopic(config_.topic);
  EXPECT_EQ(AwaitReady(*publisher), "");
  EXPECT_EQ(Post(*publisher, Logs(1)), "ack 1");
}

TEST_F(PublisherTest, MakesItsTopicAgainWhenSomeoneDeletedIt) {
  config_.delivery_timeout = seconds(5);
  const std::unique_ptr<Publisher> publisher = OpenReady();
  EXPECT_EQ(PostPatiently(*publisher, Logs(1)), "ack 1");
  Client().DeleteTopic(config_.topic);
  uint64_t attempts = 0;
  std::string answer;
  do {
    answer = Post(*publisher, Logs(2));
    EXPECT_THAT(answer, AnyOf("ack 2", StartsWith("unavailable: ")));
    attempts += 1;
  } while (answer != "ack 2" && attempts < 100'000);
  EXPECT_EQ(answer, "ack 2");
  const std::vector<KafkaRecord> records = Client().ReadAll(config_.topic);
  ASSERT_GE(records.size(), 1u);
  for (const KafkaRecord& record : records) EXPECT_EQ(record.value, Logs(2).body);
}

TEST_F(PublisherTest, AnswersWhatWaitedThroughKill9OfTheBroker) {
  const std::unique_ptr<Publisher> publisher = OpenReady();
  EXPECT_EQ(Post(*publisher, Logs(1)), "ack 1");
  server_->Kill9();
  std::vector<Answer> answers;
  for (uint64_t i = 2; i < 20; ++i) answers.push_back(Submit(*publisher, Logs(i)));
  server_->Start();
  for (const Answer& answer : answers) EXPECT_THAT(Text(answer), StartsWith("ack "));
}

TEST_F(PublisherTest, AsksToComeBackWhileKafkaIsAwayForLong) {
  config_.delivery_timeout = seconds(1);
  config_.queue_size_bytes = 5'000;
  const std::unique_ptr<Publisher> publisher = OpenReady();
  EXPECT_EQ(PostPatiently(*publisher, Metrics(1, "h1", true)), "ack 1");
  server_->Kill9();
  AcceptedBatch more = Metrics(2, "h1", false);
  const std::string body = more.body;
  int taken = 0;
  const auto ignore = [](const shared::Result<BatchReply>& reply) { EXPECT_FALSE(reply); };
  while (publisher->Submit(more, ignore)) {
    more.body = body;
    taken += 1;
    ASSERT_LT(taken, 100);
  }
  EXPECT_GE(taken, 3);
  EXPECT_EQ(more.body, body);  // untouched: the caller answers 503
  publisher->Close(std::chrono::milliseconds(0));
  EXPECT_EQ(MetricValue(registry_, "collector_kafka_queue_bytes"), "0");
}

TEST_F(PublisherTest, LeavesNothingUnansweredWhenItIsClosed) {
  const std::unique_ptr<Publisher> publisher = OpenReady();
  std::vector<Answer> answers;
  for (uint64_t i = 1; i <= 100; ++i) answers.push_back(Submit(*publisher, Logs(i)));
  publisher->Close(std::chrono::minutes(2));
  for (const Answer& answer : answers) {
    ASSERT_EQ(answer.wait_for(seconds(0)), std::future_status::ready);
    EXPECT_THAT(Text(answer), StartsWith("ack "));
  }
  EXPECT_EQ(Client().ReadAll(config_.topic).size(), 100u);
}

}  // namespace
}  // namespace collector::bus
