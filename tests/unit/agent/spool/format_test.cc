#include "agent/spool/format.h"

#include <gtest/gtest.h>

namespace agent::spool {
namespace {

constexpr Superblock kSuperblock{7, 11, {11, 40}, {11, 41}, 3, 1088, 400, 4, 2048};
constexpr SegmentHeader kSegment{5, 11, 42, 410, 9000, 1'767'225'600'000'000'000};
constexpr RecordHeader kRecord{3, 42, 5, 1'767'225'600'000'000'000, 410, 12, 0};

TEST(SpoolFormat, ReadsBackWhatItWrote) {
  EXPECT_EQ(DecodeSuperblock(EncodeSuperblock(kSuperblock)), kSuperblock);
  EXPECT_EQ(DecodeSegmentHeader(EncodeSegmentHeader(kSegment)), kSegment);
  RecordHeader expected = kRecord;
  expected.payload_hash = HashBytes("abc");
  const std::string record = EncodeRecord(kRecord, 11, "abc");
  EXPECT_EQ(DecodeRecordHeader(record, kSegment), expected);
  EXPECT_EQ(record.size(), RecordSize(3));
}

TEST(SpoolFormat, KnowsOneChangedBitAnywhere) {
  const std::string superblock = EncodeSuperblock(kSuperblock);
  for (size_t bit = 0; bit < 104 * 8; ++bit) {
    std::string damaged = superblock;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeSuperblock(damaged), std::nullopt) << bit;
  }
  const std::string record = EncodeRecord(kRecord, 11, "abc");
  for (size_t bit = 0; bit < kRecordHeaderSize * 8; ++bit) {
    std::string damaged = record;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(DecodeRecordHeader(damaged, kSegment), std::nullopt) << bit;
  }
}

TEST(SpoolFormat, KeepsASegmentWhoseFirstHeaderIsDamaged) {
  std::string bytes = EncodeSegmentHeader(kSegment);
  bytes[20] = static_cast<char>(bytes[20] ^ 1);
  EXPECT_EQ(DecodeSegmentHeader(bytes), kSegment);
  bytes[kSecondHeaderOffset + 20] = static_cast<char>(bytes[kSecondHeaderOffset + 20] ^ 1);
  EXPECT_EQ(DecodeSegmentHeader(bytes), std::nullopt);
}

TEST(SpoolFormat, RefusesEveryTruncation) {
  const std::string superblock = EncodeSuperblock(kSuperblock);
  for (size_t size = 0; size < 104; ++size) {
    EXPECT_EQ(DecodeSuperblock(std::string_view(superblock).substr(0, size)), std::nullopt) << size;
  }
  const std::string record = EncodeRecord(kRecord, 11, "abc");
  for (size_t size = 0; size < kRecordHeaderSize; ++size) {
    EXPECT_EQ(DecodeRecordHeader(std::string_view(record).substr(0, size), kSegment), std::nullopt)
        << size;
  }
}

TEST(SpoolFormat, RefusesARecordFromTheSegmentsLastUse) {
  const std::string record = EncodeRecord(kRecord, 11, "abc");
  SegmentHeader later = kSegment;
  later.segment_sequence += 1;
  EXPECT_EQ(DecodeRecordHeader(record, later), std::nullopt);
  SegmentHeader other_life = kSegment;
  other_life.incarnation += 1;
  EXPECT_EQ(DecodeRecordHeader(record, other_life), std::nullopt);
}

TEST(SpoolFormat, FindsARecordBehindGarbage) {
  const std::string record = EncodeRecord(kRecord, 11, "abc");
  EXPECT_EQ(FindRecordHeader(std::string(24, 'x') + record, kSegment), 24u);
  EXPECT_EQ(FindRecordHeader(record.substr(0, 4) + std::string(20, 'x') + record, kSegment), 24u);
  EXPECT_EQ(FindRecordHeader(std::string(23, 'x') + record, kSegment), std::nullopt);
  EXPECT_EQ(FindRecordHeader("", kSegment), std::nullopt);
}

}  // namespace
}  // namespace agent::spool
