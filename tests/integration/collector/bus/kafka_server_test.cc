// The fixture itself: what later tests take for granted.
#include "tests/support/kafka_server.h"

#include <gtest/gtest.h>

#include "tests/support/kafka_client.h"

namespace {

TEST(KafkaServer, KeepsAcknowledgedRecordsThroughKill9) {
  tests::KafkaServer server;
  const tests::KafkaClient client(server.address());
  client.CreateTopic("a", 2, {{"max.message.bytes", "123456"}});
  client.Produce("a", {{.value = "one", .key = "k", .headers = {{"h", "x"}}, .partition = 1}});
  server.Kill9();
  EXPECT_FALSE(server.running());
  server.Start();
  const std::vector<tests::KafkaRecord> records = client.ReadAll("a");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].value, "one");
  EXPECT_EQ(records[0].key, "k");
  EXPECT_EQ(records[0].partition, 1);
  EXPECT_EQ(records[0].headers, (std::vector<std::pair<std::string, std::string>>{{"h", "x"}}));
  EXPECT_EQ(client.Partitions("a"), 2);
  EXPECT_EQ(client.TopicSetting("a", "max.message.bytes"), "123456");
  client.DeleteTopic("a");
  EXPECT_EQ(client.Partitions("a"), 0);
}

}  // namespace
