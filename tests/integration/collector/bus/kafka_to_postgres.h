#pragma once

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collector/bus/batch_headers.h"
#include "collector/bus/consumer.h"
#include "tests/integration/collector/storage/store_fixture.h"
#include "tests/support/kafka_client.h"
#include "tests/support/kafka_server.h"
#include "tests/support/metric_value.h"

namespace tests {

// A broker for all tests, a topic of its own for each, and a PostgreSQL.
class KafkaToPostgres : public StoreTest {
 protected:
  // Only so that a failure ends: a loaded machine under a sanitizer takes its time.
  static constexpr std::chrono::seconds kPatience{120};

  static void SetUpTestSuite() { kafka_server_ = std::make_unique<KafkaServer>(); }
  static void TearDownTestSuite() { kafka_server_.reset(); }

  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    kafka_.brokers = {kafka_server_->address()};
    kafka_.topic = "batches-" + name;
    kafka_.dead_topic = "dead-" + name;
    kafka_.group = "group-" + name;
    kafka_.partitions = 4;
    client_.emplace(kafka_server_->address());
    client_->CreateTopic(kafka_.topic, 4);
    client_->CreateTopic(kafka_.dead_topic, 1);
  }

  // A process with the role `store`.
  struct Process {
    shared::metrics::Registry registry;
    std::unique_ptr<Store> store;
    std::unique_ptr<collector::bus::Consumer> consumer;
    ~Process() { Stop(); }
    void Stop() {
      if (consumer) consumer->Stop();
      if (store) store->Close();
    }
  };

  std::unique_ptr<Process> StartProcess() { return StartProcess(kafka_); }
  std::unique_ptr<Process> StartProcess(const collector::config::Kafka& kafka, int writers = 2) {
    auto process = std::make_unique<Process>();
    StoreOptions options = Options(server_);
    options.consumes = true;
    options.writers = writers;
    auto store = Store::Open(options, system_clock_, process->registry);
    EXPECT_TRUE(store) << store.error().message;
    process->store = std::move(*store);
    collector::bus::ConsumerOptions consuming;
    consuming.kafka = kafka;
    consuming.retry = {std::chrono::milliseconds(10), std::chrono::milliseconds(100)};
    auto consumer = collector::bus::Consumer::Open(consuming, *process->store, system_clock_,
                                                   process->registry);
    EXPECT_TRUE(consumer) << consumer.error().message;
    process->consumer = std::move(*consumer);
    return process;
  }

  KafkaRecord Record(int agent, uint64_t sequence) {
    pgvigil::v1::Batch batch = AgentBatch(pgvigil::v1::STREAM_METRICS, agent, sequence);
    AddLayout(batch, layout_);
    AddBlock(batch, layout_,
             MakeBlock(2, 6, begin_ + static_cast<int64_t>(sequence) * 60 * kSecond));
    collector::ingest::AcceptedBatch accepted;
    accepted.tenant.value = 1;
    accepted.batch = batch;
    return {.value = Compress(batch.SerializeAsString()),
            .key = fmt::format("agent-{}", agent),
            .headers = collector::bus::BatchHeaders(accepted),
            .partition = agent % 4};
  }
  void Produce(int agent, uint64_t first, uint64_t last) {
    std::vector<KafkaRecord> records;
    for (uint64_t sequence = first; sequence <= last; ++sequence) {
      records.push_back(Record(agent, sequence));
    }
    client_->Produce(kafka_.topic, records);
  }

  void Await(const std::string& sql, const std::string& expected) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    std::string last;
    while (std::chrono::steady_clock::now() < give_up) {
      shared::postgres::Connection connection = server_.Connect("pgvigil");
      auto rows = connection.Query(sql);
      last = rows && rows->size() > 0 ? std::string(rows->Text(0, 0)) : "";
      if (last == expected) return;
    }
    ADD_FAILURE() << sql << "\n  is " << last << ", expected " << expected;
  }
  void AwaitBlocks(int count) {
    Await("SELECT count(*) FROM pgvigil.block", std::to_string(count));
  }
  // Of all streams together.
  std::string Streams() {
    return Ask(
        "SELECT format('batches %s gaps %s duplicates %s', sum(batches), sum(gaps),"
        " sum(duplicates)) FROM pgvigil.agent_stream");
  }

  // Of a metric of the process, until it is so.
  static void AwaitMetric(const Process& process, const std::string& name,
                          const std::string& expected) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (MetricValue(process.registry, name) != expected) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up)
          << name << " is " << MetricValue(process.registry, name) << ", expected " << expected;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  static inline std::unique_ptr<KafkaServer> kafka_server_;
  const shared::SystemClock system_clock_;
  const shared::model::Layout layout_ = MakeLayout(2);
  // Some hours ago, so that every block lies in the past.
  const int64_t begin_ =
      shared::ToUnixNanos(shared::SystemClock().Now()) / kSecond * kSecond - 7 * 3600 * kSecond;
  collector::config::Kafka kafka_;
  std::optional<KafkaClient> client_;
};

}  // namespace tests
