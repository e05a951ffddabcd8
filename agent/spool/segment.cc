#include "agent/spool/segment.h"

#include <algorithm>

namespace agent::spool {
namespace {

constexpr uint64_t kSearchPiece = 1 << 20;

bool Fits(const Segment& segment, uint64_t offset, uint64_t payload_size) {
  return offset <= segment.size && RecordSize(payload_size) <= segment.size - offset;
}

}  // namespace

std::optional<RecordHeader> ReadRecordHeader(const Segment& segment, uint64_t offset) {
  if (!Fits(segment, offset, 0)) return std::nullopt;
  const Result<std::string> bytes = segment.file->ReadAt(offset, kRecordHeaderSize);
  if (!bytes) return std::nullopt;
  const std::optional<RecordHeader> header = DecodeRecordHeader(*bytes, segment.header);
  if (!header || !Fits(segment, offset, header->payload_size)) return std::nullopt;
  return header;
}

std::optional<StoredRecord> ReadRecord(const Segment& segment, uint64_t offset) {
  const std::optional<RecordHeader> header = ReadRecordHeader(segment, offset);
  if (!header) return std::nullopt;
  StoredRecord record;
  record.header = *header;
  if (Result<std::string> payload =
          segment.file->ReadAt(offset + kRecordHeaderSize, header->payload_size)) {
    record.payload = std::move(*payload);
    record.intact = record.payload.size() == header->payload_size &&
                    HashBytes(record.payload) == header->payload_hash;
  }
  return record;
}

std::optional<uint64_t> FindRecord(const Segment& segment, uint64_t offset, uint64_t end) {
  offset = (offset + 7) / 8 * 8;
  end = std::min(end, segment.size);
  while (offset < end) {
    // Pieces overlap by a header, so that one across the border is seen whole.
    const uint64_t size = std::min(kSearchPiece + kRecordHeaderSize, segment.size - offset);
    const Result<std::string> piece = segment.file->ReadAt(offset, size);
    if (piece) {
      const std::optional<size_t> at = FindRecordHeader(*piece, segment.header);
      if (at && offset + *at < end && ReadRecordHeader(segment, offset + *at)) return offset + *at;
      if (at && offset + *at < end) {
        offset += *at + 8;
        continue;
      }
    }
    offset += kSearchPiece;
  }
  return std::nullopt;
}

Tail ScanTail(const Segment& segment) {
  Tail tail;
  tail.last_sequence = segment.header.first_sequence - 1;
  tail.last_seen = tail.last_sequence;
  tail.items = segment.header.items_before;
  for (;;) {
    std::optional<StoredRecord> record = ReadRecord(segment, tail.offset);
    if (!record) {
      const std::optional<uint64_t> next = FindRecord(segment, tail.offset, segment.size);
      if (!next) return tail;
      tail.clean = false;
      tail.offset = *next;
      continue;
    }
    tail.offset += RecordSize(record->header.payload_size);
    tail.items = std::max(tail.items, record->items_after());
    tail.last_seen = std::max(tail.last_seen, record->header.sequence);
    if (record->intact) {
      tail.last_sequence = std::max(tail.last_sequence, record->header.sequence);
    } else {
      tail.clean = false;
    }
  }
}

}  // namespace agent::spool
