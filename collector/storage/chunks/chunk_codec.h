#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/model/block.h"
#include "shared/wire/block_codec.h"

// pgvigil.chunk.data, format 1: the samples of a family's series, which are named by their ord (0
// to 15, place in family.series_ids). Stored for years: a change of meaning is a new format.
//
//   chunk    := head_bytes:varint  head  checksum:4  ranges  payload*
//   head     := ranges_bytes:varint  groups:varint  group*
//   group    := members:2  ticks:varint  payload_bytes:varint
//   checksum := low 32 bits, little-endian, of XXH3-64 of the head, seeded with "chunk 1"
//
// Varints are those of shared/wire/block_codec.h. A group is some series that share timestamps: bit
// i of `members` (little-endian) is set for the series of ord i, and its payload is a block of that
// codec whose series are the members by rising ord. Series of one family share one group unless
// they came from blocks with different ticks. A series may be in several groups: then each begins
// after the one before ended, in the order in which they stand. No group is empty.
//
// `ranges` is such a block, too, over two instants, 0 ns and 1 ns: the least and the greatest value
// of each series that is in any group, by rising ord; NaNs do not count, and without any number
// both are the stale marker.
//
// Nothing may follow. A stale marker (model::kStaleBits) says that the source had no value at that
// time; it is kept, but is no sample.
namespace collector::storage {

inline constexpr int16_t kChunkFormat = 1;
inline constexpr size_t kFamilySeries = 16;
inline constexpr size_t kMaxChunkGroups = 4096;
inline constexpr size_t kMaxGroupTicks = 4096;

// Bit i: the series of ord i.
using FamilyMembers = uint16_t;
inline constexpr FamilyMembers kAllMembers = 0xffff;

// Series with the same timestamps.
struct ChunkGroup {
  FamilyMembers members = 0;
  shared::model::Block block;  // block.series == number of members, by rising ord
};

// Least and greatest number of a series, NaNs apart.
struct ValueRange {
  double min = 0;
  double max = 0;
};
// By ord. nullopt: the series is not in the chunk, or has no number in it.
using ChunkRanges = std::array<std::optional<ValueRange>, kFamilySeries>;

// Reuses its buffers: one per thread.
class ChunkEncoder {
 public:
  // Appends a chunk to `out`. CHECKed, for they are ours: 1 to kMaxChunkGroups groups as the format
  // says, each of 1 to kMaxGroupTicks ticks. `packing` is that of the groups' payloads.
  void Encode(std::span<const ChunkGroup> groups, std::string& out,
              shared::wire::Packing packing = shared::wire::Packing::kZstd);

 private:
  shared::wire::BlockEncoder encoder_;
  shared::model::Block ranges_;
  std::string payloads_;
  std::string ranges_payload_;
};

// Reuses its buffers: one per thread.
class ChunkDecoder {
 public:
  // The groups that have any of the `wanted` series, each whole; the others are not looked at.
  // Every double comes back bit for bit. Nothing is allocated beyond what the head's counts need,
  // and those are checked. After an error `groups` has no meaning.
  //   kMalformed  chunk: checksum of the head is 0badcafe, stored is 00000000
  //               chunk: group 1: block: values are missing
  shared::Result<void> Decode(std::string_view data, FamilyMembers wanted,
                              std::vector<ChunkGroup>& groups);

  // What the chunk says of its values without decoding them. Errors as above.
  shared::Result<ChunkRanges> DecodeRanges(std::string_view data);

 private:
  struct Part {
    FamilyMembers members = 0;
    uint32_t ticks = 0;
    std::string_view payload;
  };
  // Fills parts_ and ranges_.
  shared::Result<void> ReadHead(std::string_view data);

  shared::wire::BlockDecoder decoder_;
  std::vector<Part> parts_;
  std::string_view ranges_;
  shared::model::Block range_block_;
};

}  // namespace collector::storage
