#include "collector/ingest/batch_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/batch_builder.h"

namespace {

using collector::ingest::BatchLimits;
using collector::ingest::CheckBatch;
using pgvigil::v1::Batch;
using pgvigil::v1::Refusal;
using tests::MakeBatch;

constexpr uint64_t kNow = 1'767'225'600'000'000'000;  // 2026-01-01
constexpr uint64_t kDay = 86'400'000'000'000;

shared::Result<std::vector<Refusal>> Check(Batch& batch, const BatchLimits& limits = {}) {
  return CheckBatch(batch, limits, shared::FromUnixNanos(static_cast<int64_t>(kNow)));
}

// The one refusal of a batch whose envelope is sound.
Refusal OneRefusal(Batch& batch, const BatchLimits& limits = {}) {
  const shared::Result<std::vector<Refusal>> refusals = Check(batch, limits);
  if (!refusals || refusals->size() != 1) {
    ADD_FAILURE() << "expected one refusal, got "
                  << (refusals ? std::to_string(refusals->size()) : refusals.error().message);
    return {};
  }
  return refusals->front();
}

pgvigil::v1::MetricBlock* AddBlock(Batch& batch, uint64_t first, uint64_t last) {
  pgvigil::v1::MetricBlock* block = batch.add_blocks();
  block->set_layout_hash(std::string(16, 'h'));
  block->set_first_unix_nano(first);
  block->set_last_unix_nano(last);
  block->set_ticks(6);
  block->set_series(10);
  return block;
}

pgvigil::v1::LogChunk* AddChunk(Batch& batch, uint64_t begin, uint64_t end) {
  pgvigil::v1::LogChunk* chunk = batch.add_logs();
  chunk->mutable_file()->set_id(std::string(16, 'f'));
  chunk->mutable_file()->set_path("/var/log/x");
  chunk->set_begin_offset(begin);
  chunk->set_end_offset(end);
  return chunk;
}

pgvigil::v1::LogRecord* AddRecord(pgvigil::v1::LogChunk& chunk, uint64_t offset, uint32_t length) {
  pgvigil::v1::LogRecord* record = chunk.add_records();
  record->set_offset(offset);
  record->set_length(length);
  record->set_time_unix_nano(kNow);
  record->set_body("line");
  return record;
}

pgvigil::v1::Layout* AddLayout(Batch& batch) {
  pgvigil::v1::Layout* layout = batch.add_layouts();
  layout->set_hash(std::string(16, 'h'));
  pgvigil::v1::Series* series = layout->add_series();
  series->set_name("system.uptime");
  series->set_unit("s");
  return layout;
}

TEST(CheckBatch, RefusesAnEnvelopeThatNamesNoBatch) {
  const auto expect_error = [](Batch batch, std::string_view message) {
    const auto result = Check(batch);
    ASSERT_FALSE(result) << message;
    EXPECT_EQ(result.error().code, shared::ErrorCode::kInvalidInput);
    EXPECT_EQ(result.error().message, message);
  };
  Batch batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
  batch.set_agent_id("short");
  expect_error(batch, "agent_id: 5 bytes, expected 16");
  batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
  batch.set_incarnation(0);
  expect_error(batch, "incarnation: must not be 0");
  batch = MakeBatch(pgvigil::v1::STREAM_METRICS, 0);
  expect_error(batch, "sequence: must not be 0");
  batch = MakeBatch(static_cast<pgvigil::v1::Stream>(9));
  expect_error(batch, "stream: 9, expected 1 (metrics), 2 (logs) or 3 (statements)");
  batch = MakeBatch(pgvigil::v1::STREAM_LOGS);
  batch.add_blocks();
  expect_error(batch, "stream 2 carries data of another stream");
}

TEST(CheckBatch, RefusesAResourceOverItsLimits) {
  Batch batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
  batch.mutable_resource()->mutable_attributes(0)->set_value(std::string(5000, 'x'));
  const auto long_value = Check(batch);
  ASSERT_FALSE(long_value);
  EXPECT_EQ(long_value.error().message,
            "resource: attribute 'host.name' is too long or has a NUL byte");
  batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
  for (int i = 0; i < 64; ++i) batch.mutable_resource()->add_attributes()->set_name("n");
  const auto many = Check(batch);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().message, "resource: 65 attributes, at most 64");
}

TEST(CheckBatch, TakesASoundBatchAsItIs) {
  Batch batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
  AddLayout(batch);
  AddBlock(batch, kNow - 60'000'000'000, kNow);
  const std::string before = batch.SerializeAsString();
  const auto refusals = Check(batch);
  ASSERT_TRUE(refusals) << refusals.error().message;
  EXPECT_TRUE(refusals->empty());
  EXPECT_EQ(batch.SerializeAsString(), before);
}

TEST(CheckBatch, LeavesOutBlocksOfAbsurdTimesAndKeepsTheRest) {
  Batch batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
  AddBlock(batch, 946'684'799'999'999'999, kNow);  // a nanosecond before 2000
  AddBlock(batch, kNow, kNow + kDay + 1);          // more than a day ahead
  AddBlock(batch, kNow, kNow + kDay);              // a day ahead: taken
  const Refusal refusal = OneRefusal(batch);
  EXPECT_EQ(refusal.reason(), "timestamp_out_of_range");
  EXPECT_EQ(refusal.items(), 120u);
  ASSERT_EQ(batch.blocks_size(), 1);
  EXPECT_EQ(batch.blocks(0).last_unix_nano(), kNow + kDay);
}

TEST(CheckBatch, LeavesOutBlocksThatContradictThemselves) {
  const auto expect_refused = [](const auto& spoil) {
    Batch batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
    spoil(*AddBlock(batch, kNow - 1, kNow));
    EXPECT_EQ(OneRefusal(batch).reason(), "malformed_block");
    EXPECT_EQ(batch.blocks_size(), 0);
  };
  expect_refused([](auto& block) { block.set_layout_hash("x"); });
  expect_refused([](auto& block) { block.set_ticks(0); });
  expect_refused([](auto& block) { block.set_ticks(4097); });
  expect_refused([](auto& block) { block.set_series(0); });
  expect_refused([](auto& block) { block.set_series(20'001); });
  expect_refused([](auto& block) { block.set_first_unix_nano(kNow + 1); });
}

TEST(CheckBatch, LeavesOutALayoutOverTheLimitsTogetherWithItsBlocks) {
  const auto expect_refused = [](const auto& spoil, std::string_view reason) {
    Batch batch = MakeBatch(pgvigil::v1::STREAM_METRICS);
    spoil(*AddLayout(batch));
    AddBlock(batch, kNow - 1, kNow);
    BatchLimits limits;
    limits.series_per_layout = 100;
    const auto refusals = Check(batch, limits);
    ASSERT_TRUE(refusals);
    ASSERT_EQ(refusals->size(), 2u) << reason;
    EXPECT_EQ(batch.layouts_size() + batch.blocks_size(), 0) << reason;
    EXPECT_TRUE((*refusals)[0].reason() == reason || (*refusals)[1].reason() == reason) << reason;
  };
  expect_refused(
      [](auto& layout) {
        for (int i = 0; i < 41; ++i) {
          layout.mutable_series(0)->add_labels()->set_name("l" + std::to_string(i));
        }
      },
      "label_limit");
  expect_refused(
      [](auto& layout) { layout.mutable_series(0)->add_labels()->set_name(std::string(256, 'n')); },
      "label_limit");
  expect_refused([](auto& layout) { layout.mutable_series(0)->set_name(""); }, "label_limit");
  expect_refused(
      [](auto& layout) {
        for (int i = 0; i < 100; ++i) layout.add_series()->set_name("x");
      },
      "series_limit");
  expect_refused([](auto& layout) { layout.mutable_series(0)->set_name(std::string("a\0b", 3)); },
                 "nul_byte");
}

TEST(CheckBatch, LeavesOutLogRecordsButKeepsTheirBytesAccountedFor) {
  Batch batch = MakeBatch(pgvigil::v1::STREAM_LOGS);
  pgvigil::v1::LogChunk* chunk = AddChunk(batch, 100, 200);
  AddRecord(*chunk, 100, 50);
  AddRecord(*chunk, 150, 20)->set_body(std::string("a\0b", 3));
  AddRecord(*chunk, 170, 30);
  EXPECT_EQ(OneRefusal(batch).reason(), "nul_byte");
  ASSERT_EQ(batch.logs(0).records_size(), 2);
  EXPECT_EQ(batch.logs(0).records(1).offset(), 170u);
  EXPECT_EQ(batch.logs(0).begin_offset(), 100u);
  EXPECT_EQ(batch.logs(0).end_offset(), 200u);
}

TEST(CheckBatch, LeavesOutRecordsOutsideTheirRange) {
  const auto expect_refused = [](const auto& spoil, std::string_view reason) {
    Batch batch = MakeBatch(pgvigil::v1::STREAM_LOGS);
    pgvigil::v1::LogChunk* chunk = AddChunk(batch, 100, 200);
    AddRecord(*chunk, 100, 50);
    spoil(*AddRecord(*chunk, 150, 50));
    const Refusal refusal = OneRefusal(batch);
    EXPECT_EQ(refusal.reason(), reason);
    EXPECT_EQ(batch.logs(0).records_size(), 1);
  };
  expect_refused([](auto& record) { record.set_offset(149); }, "malformed_log");  // overlaps
  expect_refused([](auto& record) { record.set_length(51); }, "malformed_log");
  expect_refused([](auto& record) { record.set_offset(~uint64_t{0} - 3); }, "malformed_log");
  expect_refused([](auto& record) { record.set_sqlstate("42P0"); }, "malformed_log");
  expect_refused([](auto& record) { record.set_severity_number(25); }, "malformed_log");
  expect_refused([](auto& record) { record.set_time_unix_nano(0); }, "timestamp_out_of_range");
  expect_refused([](auto& record) { record.set_detail(std::string((1 << 20) + 1, 'x')); },
                 "text_limit");
}

TEST(CheckBatch, LeavesOutAChunkWithoutIdentity) {
  Batch batch = MakeBatch(pgvigil::v1::STREAM_LOGS);
  AddRecord(*AddChunk(batch, 0, 10), 0, 10);
  batch.mutable_logs(0)->mutable_file()->set_id("");
  EXPECT_EQ(OneRefusal(batch).reason(), "malformed_log");
  EXPECT_EQ(batch.logs_size(), 0);
}

TEST(CheckBatch, LeavesOutStatementsThatCannotBeStored) {
  Batch batch = MakeBatch(pgvigil::v1::STREAM_STATEMENTS);
  pgvigil::v1::StatementInterval* interval = batch.add_statements();
  interval->set_start_unix_nano(kNow);
  interval->set_end_unix_nano(kNow - 1);
  interval->add_deltas();
  EXPECT_EQ(OneRefusal(batch).reason(), "malformed_statement");
  EXPECT_EQ(batch.statements_size(), 0);

  batch = MakeBatch(pgvigil::v1::STREAM_STATEMENTS);
  pgvigil::v1::StatementTexts* texts = batch.add_texts();
  texts->add_texts()->set_text(std::string("select\0 1", 9));
  texts->add_texts()->set_text("select $1");
  EXPECT_EQ(OneRefusal(batch).reason(), "nul_byte");
  ASSERT_EQ(batch.texts(0).texts_size(), 1);
  EXPECT_EQ(batch.texts(0).texts(0).text(), "select $1");
}

}  // namespace
