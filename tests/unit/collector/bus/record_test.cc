#include "collector/bus/record.h"

#include <gtest/gtest.h>

#include "collector/bus/batch_headers.h"
#include "tests/support/batch_builder.h"

namespace collector::bus {
namespace {

const shared::WallTime kNow = shared::FromUnixNanos(1'767'225'600'000'000'000);

ConsumedRecord GoodRecord() {
  ingest::AcceptedBatch accepted;
  accepted.tenant.value = 3;
  accepted.batch = tests::MakeBatch(pgvigil::v1::STREAM_METRICS, 42);
  ConsumedRecord record;
  record.topic = "pgvigil.batches.v1";
  record.offset = 17;
  record.value = tests::Compress(accepted.batch.SerializeAsString());
  record.headers = BatchHeaders(accepted);
  return record;
}

PendingRecord Read(const ConsumedRecord& record, const config::KafkaSource* source = nullptr) {
  PendingRecord out;
  ReadRecord(record, source, 1, RecordLimits(), kNow, out);
  return out;
}

void ExpectFault(const ConsumedRecord& record, std::string_view reason, std::string_view message) {
  const PendingRecord out = Read(record);
  ASSERT_TRUE(out.fault) << message;
  EXPECT_EQ(out.fault->reason, reason) << message;
  EXPECT_EQ(out.fault->message, message);
  EXPECT_TRUE(out.batches.empty());
}

TEST(ReadRecord, GivesTheBatchOfAnAgent) {
  const ConsumedRecord record = GoodRecord();
  const PendingRecord out = Read(record);
  ASSERT_FALSE(out.fault) << out.fault->message;
  ASSERT_EQ(out.batches.size(), 1u);
  EXPECT_EQ(out.batches[0].tenant.value, 3);
  EXPECT_EQ(out.batches[0].batch.sequence(), 42u);
  EXPECT_FALSE(out.batches[0].foreign);
  EXPECT_EQ(out.offset, 17);
  EXPECT_EQ(out.anchor, AnchorOf(record.value));
  EXPECT_EQ(out.value_bytes, record.value.size());
  EXPECT_EQ(out.tenant, 3);
  EXPECT_EQ(out.agent_id, std::string(16, 'a'));
}

TEST(ReadRecord, SaysWhatKeepsARecordFromBeingRead) {
  ConsumedRecord record = GoodRecord();
  record.headers.clear();
  ExpectFault(record, "schema", "header schema: '', expected 'pgvigil.v1.Batch'");
  record = GoodRecord();
  record.headers[1].second = "2";
  ExpectFault(record, "schema", "header version: '2', this collector knows '1'");
  for (const char* tenant : {"", "0", "-1", "x", "1x", "99999999999"}) {
    record = GoodRecord();
    record.headers[2].second = tenant;
    ExpectFault(record, "schema", std::string("header tenant: '") + tenant + "' is no tenant");
  }
  record = GoodRecord();
  record.value = tests::Compress("\xff\xff");
  EXPECT_EQ(Read(record).fault->reason, "undecodable");
  record.value.clear();  // no frame at all is an empty batch
  EXPECT_EQ(Read(record).fault->reason, "refused");
  pgvigil::v1::Batch nameless = tests::MakeBatch(pgvigil::v1::STREAM_METRICS, 42);
  nameless.set_agent_id("short");
  record.value = tests::Compress(nameless.SerializeAsString());
  EXPECT_EQ(Read(record).fault->reason, "refused");
}

TEST(ReadRecord, KnowsWhoseRecordItIsThoughItCannotReadIt) {
  ConsumedRecord record = GoodRecord();
  record.value = "garbage";
  const PendingRecord out = Read(record);
  EXPECT_EQ(out.tenant, 3);
  EXPECT_EQ(out.agent_id, std::string(16, 'a'));
}

TEST(ReadRecord, MarksWhatIsForeign) {
  const config::KafkaSource source{.topic = "t", .encoding = "json", .tenant = 5};
  ConsumedRecord record;
  record.topic = "t";
  record.value = R"({"host":"db9","metric":"disk.used","value":1,"ts_event":1767225000})";
  const PendingRecord out = Read(record, &source);
  ASSERT_FALSE(out.fault) << out.fault->message;
  ASSERT_EQ(out.batches.size(), 1u);
  EXPECT_TRUE(out.batches[0].foreign);
  EXPECT_EQ(out.batches[0].tenant.value, 5);
}

}  // namespace
}  // namespace collector::bus
