#include "collector/storage/logs/log_block.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace collector::storage {
namespace {

using pgvigil::v1::LogChunk;
using pgvigil::v1::LogRecord;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMidnight = 1'767'225'600 * kSecond;  // 2026-01-01

class Records {
 public:
  LogRecord& Add(uint64_t offset, int64_t time, uint32_t severity, std::string body) {
    LogRecord& record = records_.emplace_back();
    record.set_offset(offset);
    record.set_length(100);
    record.set_time_unix_nano(static_cast<uint64_t>(time));
    record.set_severity_number(severity);
    record.set_body(std::move(body));
    views_.push_back(&record);
    return record;
  }
  [[nodiscard]] std::span<const LogRecord* const> views() const { return views_; }

 private:
  std::deque<LogRecord> records_;
  std::vector<const LogRecord*> views_;
};

std::vector<LogBlock> Build(const Records& records) {
  shared::wire::Compressor compressor;
  return BuildLogBlocks(records.views(), compressor);
}

TEST(BuildLogBlocks, KeepsEveryFieldOfEveryRecord) {
  Records records;
  LogRecord& record = records.Add(0, kMidnight + 5, 9, std::string(300, 'x'));
  record.set_statement("SELECT $1");
  record.add_attributes()->set_name("k");
  records.Add(300, kMidnight, 17, "second");
  const std::vector<LogBlock> blocks = Build(records);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].begin_offset, 0u);
  EXPECT_EQ(blocks[0].lines, 2);
  EXPECT_EQ(blocks[0].first_time, shared::FromUnixNanos(kMidnight));
  EXPECT_EQ(blocks[0].last_time, shared::FromUnixNanos(kMidnight + 5));
  EXPECT_EQ(blocks[0].severity_mask, (1u << 9) | (1u << 17));
  const auto content = OpenLogBlock(blocks[0].data);
  ASSERT_TRUE(content) << content.error().message;
  EXPECT_EQ(static_cast<size_t>(blocks[0].raw_bytes), content->size());
  const auto chunk = ParseLogBlock(*content);
  ASSERT_TRUE(chunk) << chunk.error().message;
  ASSERT_EQ(chunk->records_size(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(chunk->records(i).SerializeAsString(),
              records.views()[static_cast<size_t>(i)]->SerializeAsString());
  }
}

TEST(BuildLogBlocks, NeverCrossesMidnight) {
  Records records;
  const int64_t times[] = {kMidnight - 1, kMidnight, kMidnight - 1, kMidnight + 1, kMidnight + 2};
  for (uint64_t i = 0; i < std::size(times); ++i) records.Add(i * 100, times[i], 9, "line");
  const std::vector<LogBlock> blocks = Build(records);
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_EQ(blocks[3].lines, 2);
  for (const LogBlock& block : blocks) {
    EXPECT_EQ(std::chrono::floor<std::chrono::days>(block.first_time),
              std::chrono::floor<std::chrono::days>(block.last_time));
  }
}

TEST(BuildLogBlocks, SplitsAtAMebibyte) {
  Records records;
  for (uint64_t i = 0; i < 30; ++i) {
    records.Add(i * 100, kMidnight, 9, std::string(100'000, static_cast<char>('a' + i % 26)));
  }
  const std::vector<LogBlock> blocks = Build(records);
  ASSERT_EQ(blocks.size(), 3u);
  int32_t lines = 0;
  for (const LogBlock& block : blocks) {
    EXPECT_LT(block.raw_bytes, (1 << 20) + 200'000);
    lines += block.lines;
  }
  EXPECT_EQ(lines, 30);
}

TEST(BuildLogBlocks, MakesNothingOfNothing) {
  EXPECT_TRUE(Build(Records()).empty());
}

TEST(OpenLogBlock, SaysWhatIsNotOurs) {
  EXPECT_EQ(OpenLogBlock("nonsense").error().code, shared::ErrorCode::kMalformed);
  EXPECT_EQ(ParseLogBlock("\xff\xff\xff").error().message, "log block of 3 bytes: no LogChunk");
}

TEST(IsLogEvent, TakesTheSevereAndTheClassified) {
  const auto is_event = [](uint32_t severity, const char* sqlstate) {
    LogRecord record;
    record.set_severity_number(severity);
    record.set_sqlstate(sqlstate);
    return IsLogEvent(record);
  };
  EXPECT_TRUE(is_event(13, ""));
  EXPECT_TRUE(is_event(21, "00000"));
  EXPECT_TRUE(is_event(9, "57P01"));
  EXPECT_FALSE(is_event(12, ""));
  EXPECT_FALSE(is_event(9, "00000"));
  EXPECT_FALSE(is_event(0, ""));
}

}  // namespace
}  // namespace collector::storage
