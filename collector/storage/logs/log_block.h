#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgvigil/v1/logs.pb.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/wire/zstd.h"

// pgvigil.log_block.data, format 1: one zstd frame whose content is a pgvigil.v1.LogChunk that has
// `records` only (proto/pgvigil/v1/logs.proto): records in file order, fields as the agent sent
// them. Strings stand in it as they are, so that a search can look for bytes before it decodes
// anything.
namespace collector::storage {

inline constexpr int16_t kLogBlockFormat = 1;

struct LogBlock {
  uint64_t begin_offset = 0;  // in the file, of the first record
  shared::WallTime first_time;
  shared::WallTime last_time;
  int32_t lines = 0;
  uint32_t severity_mask = 0;  // bit n: a record has severity number n
  int32_t raw_bytes = 0;
  std::string data;
};

// Blocks that hold `records` (of one file, in file order), none across midnight UTC, none above
// about 1 MiB before compression.
std::vector<LogBlock> BuildLogBlocks(std::span<const pgvigil::v1::LogRecord* const> records,
                                     shared::wire::Compressor& compressor);

// The content of a frame, decompressed. kMalformed: not ours.
shared::Result<std::string> OpenLogBlock(std::string_view data);
// The records of that content. kMalformed: not ours.
shared::Result<pgvigil::v1::LogChunk> ParseLogBlock(std::string_view content);

// Whether a record also becomes a row of pgvigil.log_event: severity WARN (13) and above, or a
// SQLSTATE of a class other than 00 (successful completion).
bool IsLogEvent(const pgvigil::v1::LogRecord& record);

}  // namespace collector::storage
