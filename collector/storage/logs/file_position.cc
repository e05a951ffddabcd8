#include "collector/storage/logs/file_position.h"

#include <algorithm>

namespace collector::storage {
namespace {

using pgvigil::v1::LogRecord;

constexpr size_t kMostRanges = 64;

// What is missing between chunks. Nobody says that the bytes before the first chunk were ever to
// come: a file is followed from its end, as a rule.
uint64_t GapBytes(const MissingRanges& missing) {
  uint64_t bytes = 0;
  for (const MissingRanges::Range& range : missing.ranges()) {
    if (range.first > 0) bytes += range.size();
  }
  return bytes;
}

}  // namespace

std::vector<const LogRecord*> AdvanceFile(FilePosition& position, uint64_t begin_offset,
                                          uint64_t end_offset,
                                          std::span<const LogRecord* const> records) {
  const uint64_t gaps_before = GapBytes(position.missing);
  const uint64_t stored = position.known ? position.offset : 0;
  if (begin_offset > stored) position.missing.Append(stored, begin_offset);
  std::vector<const LogRecord*> fresh;
  for (const LogRecord* record : records) {
    if (record->offset() >= stored || position.missing.Contains(record->offset())) {
      fresh.push_back(record);
    }
  }
  position.missing.Remove(begin_offset, end_offset);
  position.gap_bytes += GapBytes(position.missing);
  position.gap_bytes -= std::min(position.gap_bytes, gaps_before);
  position.forgotten += position.missing.ForgetBeyond(kMostRanges);
  position.offset = std::max(stored, end_offset);
  position.known = true;
  position.lines += fresh.size();
  return fresh;
}

}  // namespace collector::storage
