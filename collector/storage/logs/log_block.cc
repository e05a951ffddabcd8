#include "collector/storage/logs/log_block.h"

#include <algorithm>
#include <chrono>

#include "collector/storage/logs/varint.h"

namespace collector::storage {
namespace {

using pgvigil::v1::LogChunk;
using pgvigil::v1::LogRecord;
using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::WallTime;

constexpr size_t kRawLimit = size_t{1} << 20;
constexpr uint32_t kWarn = 13;

WallTime TimeOf(const LogRecord& record) {
  return shared::FromUnixNanos(static_cast<int64_t>(record.time_unix_nano()));
}

auto DayOf(const LogRecord& record) {
  return std::chrono::floor<std::chrono::days>(TimeOf(record));
}

// Protobuf's encoding of `repeated LogRecord records = 4`: tag, length, message.
void AppendRecord(const LogRecord& record, std::string& out) {
  out.push_back(static_cast<char>((LogChunk::kRecordsFieldNumber << 3) | 2));
  const size_t length = record.ByteSizeLong();
  PutVarint(length, out);
  const size_t begin = out.size();
  out.resize(begin + length);
  record.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out.data() + begin));
}

class Builder {
 public:
  explicit Builder(shared::wire::Compressor& compressor) : compressor_(compressor) {}

  void Add(const LogRecord& record) {
    const WallTime time = TimeOf(record);
    if (block_.lines > 0 && (raw_.size() >= kRawLimit || DayOf(record) != day_)) Close();
    if (block_.lines == 0) {
      block_.begin_offset = record.offset();
      block_.first_time = block_.last_time = time;
      day_ = DayOf(record);
    }
    block_.first_time = std::min(block_.first_time, time);
    block_.last_time = std::max(block_.last_time, time);
    block_.lines += 1;
    block_.severity_mask |= 1U << std::min(record.severity_number(), 24U);
    AppendRecord(record, raw_);
  }

  std::vector<LogBlock> Finish() {
    if (block_.lines > 0) Close();
    return std::move(blocks_);
  }

 private:
  void Close() {
    block_.raw_bytes = static_cast<int32_t>(raw_.size());
    compressor_.Append(raw_, block_.data);
    raw_.clear();
    blocks_.push_back(std::move(block_));
    block_ = LogBlock{};
  }

  shared::wire::Compressor& compressor_;
  std::chrono::sys_days day_;
  std::string raw_;
  LogBlock block_;
  std::vector<LogBlock> blocks_;
};

}  // namespace

std::vector<LogBlock> BuildLogBlocks(std::span<const LogRecord* const> records,
                                     shared::wire::Compressor& compressor) {
  Builder builder(compressor);
  for (const LogRecord* record : records) builder.Add(*record);
  return builder.Finish();
}

Result<std::string> OpenLogBlock(std::string_view data) {
  // We wrote it: a megabyte of equal lines is small, and honest.
  return shared::wire::Decompress(data, {.ratio = 100'000});
}

Result<LogChunk> ParseLogBlock(std::string_view content) {
  LogChunk chunk;
  if (!chunk.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return Fail(ErrorCode::kMalformed, "log block of {} bytes: no LogChunk", content.size());
  }
  return chunk;
}

bool IsLogEvent(const LogRecord& record) {
  return record.severity_number() >= kWarn ||
         (!record.sqlstate().empty() && !record.sqlstate().starts_with("00"));
}

}  // namespace collector::storage
