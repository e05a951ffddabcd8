#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The spool's bytes on disk, version 1. All numbers are little-endian; every checksum is XXH3-64.
//
//   directory  = "lock" "superblock" segment* "quarantine/"
//   segment    = file "<8 hexadecimal digits>.seg", preallocated, all of one size, used again and
//   again
//
//   superblock = slot, at offset 0; slot, at offset 4096      ; the valid one with the larger
//   slot       = "PGVSUP01"                                   ;   generation counts
//                generation:u64
//                incarnation:u64          ; of new records
//                settled:name             ; everything up to and including this is done with
//                handed_out:name          ; everything up to this may have been sent
//                head_segment:u64 head_offset:u64   ; hint: where the first unsettled record is
//                head_items:u64           ; items of all records before it
//                durable_segment:u64 durable_offset:u64  ; hint: all before this was synced
//                hash:u64                 ; of the bytes before it
//   name       = incarnation:u64 sequence:u64
//
//   segment    = header, at offset 0; the same header, at offset 512; record*, from offset 1024
//   header     = "PGVSEG01"
//                segment_sequence:u64     ; grows with every use of any segment, never repeats
//                incarnation:u64          ; of all records in it
//                first_sequence:u64       ; of its first record
//                items_before:u64 bytes_before:u64  ; of all records in earlier segments
//                created_unix_nano:u64
//                hash:u64                 ; of the bytes before it
//   record     = 0x52474750:u32           ; "PGGR"
//                payload_size:u32
//                sequence:u64
//                segment_sequence:u64     ; a record left over from the segment's last use differs
//                created_unix_nano:u64
//                items_before:u64         ; items of all records before this one
//                items:u32 reserved:u32
//                payload_hash:u64         ; of the payload
//                header_hash:u64          ; of the bytes before it, seeded with the incarnation
//                payload: payload_size bytes, then zeros up to a multiple of 8
//
// A segment ends where no record follows; whether that is its true end is told by the next segment:
// its first_sequence is one more than the last sequence here (or its incarnation is another).
namespace agent::spool {

// Names a record for ever. Ordered as the records are.
struct Name {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  friend auto operator<=>(const Name&, const Name&) = default;
};

struct Superblock {
  uint64_t generation = 0;
  uint64_t incarnation = 0;
  Name settled;
  Name handed_out;
  uint64_t head_segment = 0;
  uint64_t head_offset = 0;
  uint64_t head_items = 0;
  uint64_t durable_segment = 0;
  uint64_t durable_offset = 0;
  friend bool operator==(const Superblock&, const Superblock&) = default;
};

struct SegmentHeader {
  uint64_t segment_sequence = 0;
  uint64_t incarnation = 0;
  uint64_t first_sequence = 0;
  uint64_t items_before = 0;
  uint64_t bytes_before = 0;
  uint64_t created_unix_nano = 0;
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

struct RecordHeader {
  uint32_t payload_size = 0;
  uint64_t sequence = 0;
  uint64_t segment_sequence = 0;
  uint64_t created_unix_nano = 0;
  uint64_t items_before = 0;
  uint32_t items = 0;
  uint64_t payload_hash = 0;
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

inline constexpr size_t kSlotSize = 512;
inline constexpr size_t kSecondSlotOffset = 4096;
inline constexpr size_t kSegmentHeaderSize = 64;
inline constexpr size_t kSecondHeaderOffset = 512;
inline constexpr size_t kFirstRecordOffset = 1024;
inline constexpr size_t kRecordHeaderSize = 64;

// A record's whole length on disk, padding and all.
[[nodiscard]] constexpr uint64_t RecordSize(uint64_t payload_size) {
  return kRecordHeaderSize + (payload_size + 7) / 8 * 8;
}

// XXH3-64.
uint64_t HashBytes(std::string_view bytes, uint64_t seed = 0);

std::string EncodeSuperblock(const Superblock& superblock);    // kSlotSize bytes
std::string EncodeSegmentHeader(const SegmentHeader& header);  // kFirstRecordOffset bytes: both
// A record's header and payload hash are worked out here.
std::string EncodeRecord(RecordHeader header, uint64_t incarnation, std::string_view payload);

// Pure, for any bytes. nullopt: not one, cut short or damaged.
std::optional<Superblock> DecodeSuperblock(std::string_view slot);
// Either of the two copies in a segment's first kFirstRecordOffset bytes.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);
// The record header at the beginning of `bytes`; nullopt also when it belongs to another use of the
// segment. The payload may be longer than `bytes`.
std::optional<RecordHeader> DecodeRecordHeader(std::string_view bytes,
                                               const SegmentHeader& segment);

// Where in `bytes` (the segment's, from an offset that is a multiple of 8) the next valid record
// header stands; nullopt: nowhere.
std::optional<size_t> FindRecordHeader(std::string_view bytes, const SegmentHeader& segment);

}  // namespace agent::spool
