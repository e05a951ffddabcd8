#include "collector/storage/chunks/chunk_codec.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "shared/base/check.h"
#include "shared/wire/block_format.h"
#include "shared/wire/byte_reader.h"
#include "shared/wire/checksum.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::model::Block;
using shared::wire::Packing;
using shared::wire::format::ByteReader;

constexpr uint64_t kHeadSeed = 0x0031'206b'6e75'6863;  // "chunk 1"
constexpr size_t kChecksumBytes = 4;
// No head is longer: two varints, and for each group two bytes and two varints.
constexpr size_t kMaxHeadBytes = 20 + kMaxChunkGroups * 22;
constexpr size_t kRangeTicks = 2;

uint32_t HeadChecksum(std::string_view head) {
  return static_cast<uint32_t>(shared::wire::Checksum(head, kHeadSeed));
}

void AppendVarint(uint64_t value, std::string& out) {
  uint8_t bytes[shared::wire::format::kMaxVarintBytes];
  const uint8_t* end = shared::wire::format::PutVarint(bytes, value);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes));
}

void AppendLow(uint64_t bits, unsigned bytes, std::string& out) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>(bits >> (8 * i)));
}

uint32_t Count(FamilyMembers members) {
  return static_cast<uint32_t>(std::popcount(members));
}

// Calls visit(index among the members, ord) for each.
template <typename Visit>
void ForEachMember(FamilyMembers members, Visit visit) {
  size_t index = 0;
  for (size_t ord = 0; ord < kFamilySeries; ++ord) {
    if ((members >> ord & 1u) != 0) visit(index++, ord);
  }
}

// Comparing keeps the old value when one of the two is NaN.
void Widen(ValueRange& range, double value) {
  range.min = value < range.min ? value : range.min;
  range.max = value > range.max ? value : range.max;
}

// In two lanes, so that a value does not wait for the one before it.
void Widen(ValueRange& range, std::span<const double> values) {
  ValueRange other = range;
  const double* at = values.data();
  const double* const end = at + values.size();
  for (; end - at >= 2; at += 2) {
    Widen(range, at[0]);
    Widen(other, at[1]);
  }
  if (at != end) Widen(range, *at);
  range.min = std::min(range.min, other.min);
  range.max = std::max(range.max, other.max);
}

// As a block of two instants.
void FillRanges(std::span<const ChunkGroup> groups, Block& out) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::array<ValueRange, kFamilySeries> ranges;
  ranges.fill({kInfinity, -kInfinity});
  FamilyMembers members = 0;
  for (const ChunkGroup& group : groups) {
    members |= group.members;
    ForEachMember(group.members, [&](size_t index, size_t ord) {
      Widen(ranges[ord], group.block.SeriesValues(index));
    });
  }
  out.times_unix_nano = {0, 1};
  out.series = Count(members);
  out.values.clear();
  ForEachMember(members, [&](size_t, size_t ord) {
    const bool any = ranges[ord].min <= ranges[ord].max;
    const double stale = std::bit_cast<double>(shared::model::kStaleBits);
    out.values.push_back(any ? ranges[ord].min : stale);
    out.values.push_back(any ? ranges[ord].max : stale);
  });
}

// In groups that a series shares, time goes on.
void CheckOrder(std::span<const ChunkGroup> groups) {
  std::array<int64_t, kFamilySeries> last{};
  FamilyMembers seen = 0;
  for (const ChunkGroup& group : groups) {
    const auto& times = group.block.times_unix_nano;
    CHECK(group.members != 0 && group.block.series == Count(group.members));
    CHECK(!times.empty() && times.size() <= kMaxGroupTicks);
    ForEachMember(group.members, [&](size_t, size_t ord) {
      CHECK((seen >> ord & 1u) == 0 || times.front() > last[ord]);
      last[ord] = times.back();
    });
    seen |= group.members;
  }
}

}  // namespace

void ChunkEncoder::Encode(std::span<const ChunkGroup> groups, std::string& out, Packing packing) {
  CHECK(!groups.empty() && groups.size() <= kMaxChunkGroups);
  CheckOrder(groups);
  FillRanges(groups, ranges_);
  ranges_payload_.clear();
  encoder_.Encode(ranges_, ranges_payload_);
  payloads_.clear();
  std::string head;
  AppendVarint(ranges_payload_.size(), head);
  AppendVarint(groups.size(), head);
  for (const ChunkGroup& group : groups) {
    const size_t begin = payloads_.size();
    encoder_.Encode(group.block, payloads_, packing);
    AppendLow(group.members, sizeof(FamilyMembers), head);
    AppendVarint(group.block.ticks(), head);
    AppendVarint(payloads_.size() - begin, head);
  }
  AppendVarint(head.size(), out);
  out += head;
  AppendLow(HeadChecksum(head), kChecksumBytes, out);
  out += ranges_payload_;
  out += payloads_;
}

Result<void> ChunkDecoder::ReadHead(std::string_view data) {
  ByteReader all(data);
  const uint64_t head_bytes = all.TakeVarint();
  if (all.failed() || head_bytes > kMaxHeadBytes || head_bytes + kChecksumBytes > all.left()) {
    return Fail(ErrorCode::kMalformed, "chunk: {} bytes have no room for a head", data.size());
  }
  const std::string_view head_text = all.Take(head_bytes);
  const auto stored = static_cast<uint32_t>(all.TakeLow(kChecksumBytes));
  if (const uint32_t actual = HeadChecksum(head_text); actual != stored) {
    return Fail(ErrorCode::kMalformed, "chunk: checksum of the head is {:08x}, stored is {:08x}",
                actual, stored);
  }
  ByteReader head(head_text);
  ranges_ = all.Take(head.TakeVarint());
  const uint64_t groups = head.TakeVarint();
  if (head.failed() || groups == 0 || groups > kMaxChunkGroups) {
    return Fail(ErrorCode::kMalformed, "chunk: {} groups are not between 1 and {}", groups,
                kMaxChunkGroups);
  }
  parts_.clear();
  for (uint64_t i = 0; i < groups; ++i) {
    Part& part = parts_.emplace_back();
    part.members = static_cast<FamilyMembers>(head.TakeLow(sizeof(FamilyMembers)));
    const uint64_t ticks = head.TakeVarint();
    part.ticks = static_cast<uint32_t>(std::min<uint64_t>(ticks, kMaxGroupTicks + 1));
    part.payload = all.Take(head.TakeVarint());
    if (head.failed() || all.failed()) {
      return Fail(ErrorCode::kMalformed, "chunk: group {} is cut", i);
    }
    if (part.members == 0 || ticks == 0 || ticks > kMaxGroupTicks) {
      return Fail(ErrorCode::kMalformed, "chunk: group {}: {} series and {} ticks are no group", i,
                  Count(part.members), ticks);
    }
  }
  if (head.left() != 0 || all.left() != 0) {
    return Fail(ErrorCode::kMalformed, "chunk: {} bytes too many", head.left() + all.left());
  }
  return {};
}

Result<void> ChunkDecoder::Decode(std::string_view data, FamilyMembers wanted,
                                  std::vector<ChunkGroup>& groups) {
  RETURN_IF_ERROR(ReadHead(data));
  std::array<int64_t, kFamilySeries> last{};
  FamilyMembers seen = 0;
  size_t count = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if ((part.members & wanted) == 0) continue;
    if (groups.size() <= count) groups.emplace_back();
    ChunkGroup& group = groups[count++];
    group.members = part.members;
    if (Result<void> decoded =
            decoder_.Decode(part.payload, Count(part.members), part.ticks, group.block);
        !decoded) {
      return Fail(ErrorCode::kMalformed, "chunk: group {}: {}", i, decoded.error().message);
    }
    const auto& times = group.block.times_unix_nano;
    bool in_order = true;
    ForEachMember(part.members, [&](size_t, size_t ord) {
      in_order = in_order && ((seen >> ord & 1u) == 0 || times.front() > last[ord]);
      last[ord] = times.back();
    });
    if (!in_order) {
      return Fail(ErrorCode::kMalformed, "chunk: group {} begins before an earlier one ends", i);
    }
    seen |= part.members;
  }
  groups.resize(count);
  return {};
}

Result<ChunkRanges> ChunkDecoder::DecodeRanges(std::string_view data) {
  RETURN_IF_ERROR(ReadHead(data));
  FamilyMembers members = 0;
  for (const Part& part : parts_) members |= part.members;
  if (Result<void> decoded = decoder_.Decode(ranges_, Count(members), kRangeTicks, range_block_);
      !decoded) {
    return Fail(ErrorCode::kMalformed, "chunk: ranges: {}", decoded.error().message);
  }
  ChunkRanges out;
  ForEachMember(members, [&](size_t index, size_t ord) {
    const std::span<const double> range = range_block_.SeriesValues(index);
    if (std::bit_cast<uint64_t>(range[0]) == shared::model::kStaleBits) return;
    out[ord] = ValueRange{range[0], range[1]};
  });
  return out;
}

}  // namespace collector::storage
