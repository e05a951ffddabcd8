#include "agent/spool/format.h"

#include <xxhash.h>

#include <bit>
#include <cstring>

namespace agent::spool {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::string_view kSuperblockMagic = "PGVSUP01";
constexpr std::string_view kSegmentMagic = "PGVSEG01";
constexpr uint32_t kRecordMagic = 0x52474750;

template <typename T>
void Put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

// Takes numbers off the front; the caller has checked the size.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  template <typename T>
  T Take() {
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }

 private:
  std::string_view bytes_;
};

// Whether `bytes` of this size end with the hash of what is before it.
bool HashMatches(std::string_view bytes, uint64_t seed = 0) {
  const std::string_view content = bytes.substr(0, bytes.size() - sizeof(uint64_t));
  return Fields(bytes.substr(content.size())).Take<uint64_t>() == HashBytes(content, seed);
}

constexpr size_t kSuperblockSize = 8 * 13;

std::optional<SegmentHeader> DecodeOneSegmentHeader(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderSize) return std::nullopt;
  bytes = bytes.substr(0, kSegmentHeaderSize);
  if (!bytes.starts_with(kSegmentMagic) || !HashMatches(bytes)) return std::nullopt;
  Fields fields(bytes.substr(kSegmentMagic.size()));
  SegmentHeader header;
  header.segment_sequence = fields.Take<uint64_t>();
  header.incarnation = fields.Take<uint64_t>();
  header.first_sequence = fields.Take<uint64_t>();
  header.items_before = fields.Take<uint64_t>();
  header.bytes_before = fields.Take<uint64_t>();
  header.created_unix_nano = fields.Take<uint64_t>();
  return header;
}

}  // namespace

uint64_t HashBytes(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string EncodeSuperblock(const Superblock& superblock) {
  std::string out(kSuperblockMagic);
  Put(out, superblock.generation);
  Put(out, superblock.incarnation);
  Put(out, superblock.settled.incarnation);
  Put(out, superblock.settled.sequence);
  Put(out, superblock.handed_out.incarnation);
  Put(out, superblock.handed_out.sequence);
  Put(out, superblock.head_segment);
  Put(out, superblock.head_offset);
  Put(out, superblock.head_items);
  Put(out, superblock.durable_segment);
  Put(out, superblock.durable_offset);
  Put(out, HashBytes(out));
  out.resize(kSlotSize, '\0');
  return out;
}

std::optional<Superblock> DecodeSuperblock(std::string_view slot) {
  if (slot.size() < kSuperblockSize) return std::nullopt;
  slot = slot.substr(0, kSuperblockSize);
  if (!slot.starts_with(kSuperblockMagic) || !HashMatches(slot)) return std::nullopt;
  Fields fields(slot.substr(kSuperblockMagic.size()));
  Superblock superblock;
  superblock.generation = fields.Take<uint64_t>();
  superblock.incarnation = fields.Take<uint64_t>();
  superblock.settled.incarnation = fields.Take<uint64_t>();
  superblock.settled.sequence = fields.Take<uint64_t>();
  superblock.handed_out.incarnation = fields.Take<uint64_t>();
  superblock.handed_out.sequence = fields.Take<uint64_t>();
  superblock.head_segment = fields.Take<uint64_t>();
  superblock.head_offset = fields.Take<uint64_t>();
  superblock.head_items = fields.Take<uint64_t>();
  superblock.durable_segment = fields.Take<uint64_t>();
  superblock.durable_offset = fields.Take<uint64_t>();
  return superblock;
}

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string one(kSegmentMagic);
  Put(one, header.segment_sequence);
  Put(one, header.incarnation);
  Put(one, header.first_sequence);
  Put(one, header.items_before);
  Put(one, header.bytes_before);
  Put(one, header.created_unix_nano);
  Put(one, HashBytes(one));
  std::string out = one;
  out.resize(kSecondHeaderOffset, '\0');
  out += one;
  out.resize(kFirstRecordOffset, '\0');
  return out;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes) {
  const std::optional<SegmentHeader> first = DecodeOneSegmentHeader(bytes);
  if (first || bytes.size() < kSecondHeaderOffset) return first;
  return DecodeOneSegmentHeader(bytes.substr(kSecondHeaderOffset));
}

std::string EncodeRecord(RecordHeader header, uint64_t incarnation, std::string_view payload) {
  std::string out;
  out.reserve(RecordSize(payload.size()));
  Put(out, kRecordMagic);
  Put(out, static_cast<uint32_t>(payload.size()));
  Put(out, header.sequence);
  Put(out, header.segment_sequence);
  Put(out, header.created_unix_nano);
  Put(out, header.items_before);
  Put(out, header.items);
  Put(out, uint32_t{0});
  Put(out, HashBytes(payload));
  Put(out, HashBytes(out, incarnation));
  out += payload;
  out.resize(RecordSize(payload.size()), '\0');
  return out;
}

std::optional<RecordHeader> DecodeRecordHeader(std::string_view bytes,
                                               const SegmentHeader& segment) {
  if (bytes.size() < kRecordHeaderSize) return std::nullopt;
  bytes = bytes.substr(0, kRecordHeaderSize);
  Fields fields(bytes);
  if (fields.Take<uint32_t>() != kRecordMagic) return std::nullopt;
  if (!HashMatches(bytes, segment.incarnation)) return std::nullopt;
  RecordHeader header;
  header.payload_size = fields.Take<uint32_t>();
  header.sequence = fields.Take<uint64_t>();
  header.segment_sequence = fields.Take<uint64_t>();
  header.created_unix_nano = fields.Take<uint64_t>();
  header.items_before = fields.Take<uint64_t>();
  header.items = fields.Take<uint32_t>();
  fields.Take<uint32_t>();
  header.payload_hash = fields.Take<uint64_t>();
  if (header.segment_sequence != segment.segment_sequence) return std::nullopt;
  return header;
}

std::optional<size_t> FindRecordHeader(std::string_view bytes, const SegmentHeader& segment) {
  char magic[sizeof kRecordMagic];
  std::memcpy(magic, &kRecordMagic, sizeof magic);
  const std::string_view needle(magic, sizeof magic);
  for (size_t at = bytes.find(needle); at != std::string_view::npos;
       at = bytes.find(needle, at + 1)) {
    if (at % 8 == 0 && DecodeRecordHeader(bytes.substr(at), segment)) return at;
  }
  return std::nullopt;
}

}  // namespace agent::spool
