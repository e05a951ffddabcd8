#include "collector/storage/chunks/chunk_codec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <random>

namespace collector::storage {
namespace {

using shared::Result;
using shared::wire::Packing;

const double kStale = std::bit_cast<double>(shared::model::kStaleBits);
const double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kStart = 1'767'225'600'000'000'000;

ChunkGroup MakeGroup(FamilyMembers members, std::vector<int64_t> times,
                     std::vector<double> values) {
  ChunkGroup group;
  group.members = members;
  group.block.times_unix_nano = std::move(times);
  group.block.values = std::move(values);
  group.block.series = static_cast<uint32_t>(std::popcount(members));
  return group;
}

std::string Encode(const std::vector<ChunkGroup>& groups) {
  std::string out;
  ChunkEncoder().Encode(groups, out);
  return out;
}

bool Same(const std::vector<ChunkGroup>& a, const std::vector<ChunkGroup>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto& x = a[i].block;
    const auto& y = b[i].block;
    if (a[i].members != b[i].members || x.series != y.series ||
        x.times_unix_nano != y.times_unix_nano || x.values.size() != y.values.size() ||
        std::memcmp(x.values.data(), y.values.data(), x.values.size() * sizeof(double)) != 0) {
      return false;
    }
  }
  return true;
}

// Any bits at all, and the kinds of numbers that metrics are.
double AnyDouble(std::mt19937_64& random) {
  const double integer = static_cast<double>(random() % 100'000);
  switch (random() % 8) {
    case 0:
      return std::bit_cast<double>(random());
    case 1:
      return std::bit_cast<double>(0x7ff0'0000'0000'0000 | random() >> 12);  // NaN payloads
    case 2:
      return kStale;
    case 3:
      return integer / 100;
    case 4:
      return -integer;
    case 5:
      return std::numeric_limits<double>::infinity();
    case 6:
      return -0.0;
    default:
      return integer;
  }
}

std::vector<ChunkGroup> AnyChunk(std::mt19937_64& random) {
  std::vector<ChunkGroup> groups(1 + random() % 5);
  int64_t time = kStart;
  for (ChunkGroup& group : groups) {
    group.members = static_cast<FamilyMembers>(1 + random() % kAllMembers);
    group.block.series = static_cast<uint32_t>(std::popcount(group.members));
    const size_t ticks = 1 + random() % 80;
    for (size_t i = 0; i < ticks; ++i) {
      time += 1 + static_cast<int64_t>(random() % 10'000'000'000);
      group.block.times_unix_nano.push_back(time);
    }
    for (size_t i = 0; i < ticks * group.block.series; ++i) {
      group.block.values.push_back(AnyDouble(random));
    }
  }
  return groups;
}

TEST(ChunkCodec, ReturnsEverySampleBitForBit) {
  ChunkEncoder encoder;
  ChunkDecoder decoder;
  std::vector<ChunkGroup> back;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 random(seed);
    const std::vector<ChunkGroup> groups = AnyChunk(random);
    std::string data;
    encoder.Encode(groups, data, seed % 2 == 0 ? Packing::kZstd : Packing::kStored);
    const Result<void> decoded = decoder.Decode(data, kAllMembers, back);
    ASSERT_TRUE(decoded) << "seed " << seed << ": " << decoded.error().message;
    EXPECT_TRUE(Same(groups, back)) << "seed " << seed;
  }
}

TEST(ChunkCodec, DecodesOnlyGroupsWithWantedSeries) {
  const std::vector<ChunkGroup> groups = {MakeGroup(0b011, {kStart, kStart + 5}, {1, 2, 3, 4}),
                                          MakeGroup(0b100, {kStart + 7}, {5}),
                                          MakeGroup(0b001, {kStart + 9}, {6})};
  const std::string data = Encode(groups);
  const auto expect = [&](FamilyMembers wanted, const std::vector<ChunkGroup>& expected) {
    std::vector<ChunkGroup> back;
    const Result<void> decoded = ChunkDecoder().Decode(data, wanted, back);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(Same(back, expected)) << wanted;
  };
  expect(0b001, {groups[0], groups[2]});
  expect(0b010, {groups[0]});
  expect(0b100, {groups[1]});
  expect(0b111, groups);
  expect(0b1000, {});
}

TEST(ChunkCodec, TellsTheRangeOfEachSeries) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string data = Encode(
      {MakeGroup(0b10111, {kStart, kStart + 1, kStart + 2},
                 {2, 1, 3, kNan, kStale, -7.5, kStale, kNan, kStale, -infinity, 0, infinity}),
       MakeGroup(0b00001, {kStart + 5}, {-4})});
  const Result<ChunkRanges> ranges = ChunkDecoder().DecodeRanges(data);
  ASSERT_TRUE(ranges) << ranges.error().message;
  const auto expect = [&](size_t ord, double min, double max) {
    const auto& range = (*ranges)[ord];
    ASSERT_TRUE(range) << ord;
    EXPECT_EQ(range->min, min) << ord;
    EXPECT_EQ(range->max, max) << ord;
  };
  expect(0, -4, 3);
  expect(1, -7.5, -7.5);
  EXPECT_FALSE((*ranges)[2]) << "no numbers";
  EXPECT_FALSE((*ranges)[3]) << "not in the chunk";
  expect(4, -infinity, infinity);
}

TEST(ChunkCodec, RefusesAChunkThatIsCutAnywhere) {
  std::mt19937_64 random(7);
  const std::string data = Encode(AnyChunk(random));
  std::vector<ChunkGroup> back;
  ChunkDecoder decoder;
  for (size_t size = 0; size < data.size(); ++size) {
    EXPECT_FALSE(decoder.Decode(data.substr(0, size), kAllMembers, back)) << size;
    EXPECT_FALSE(decoder.DecodeRanges(data.substr(0, size))) << size;
  }
  EXPECT_FALSE(decoder.Decode(data + '\0', kAllMembers, back));
}

TEST(ChunkCodec, RefusesAChunkWithAnyBitFlipped) {
  std::mt19937_64 random(11);
  const std::string data = Encode(AnyChunk(random));
  std::vector<ChunkGroup> back;
  ChunkDecoder decoder;
  for (size_t i = 0; i < data.size() * 8; ++i) {
    std::string damaged = data;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << i % 8));
    // Damage of the ranges does not hurt the samples, and the other way round.
    EXPECT_FALSE(decoder.Decode(damaged, kAllMembers, back) && decoder.DecodeRanges(damaged)) << i;
  }
}

TEST(ChunkCodec, SaysWhatIsWrong) {
  std::vector<ChunkGroup> back;
  const auto expect_error = [&](const std::string& data, std::string_view message) {
    const Result<void> decoded = ChunkDecoder().Decode(data, kAllMembers, back);
    ASSERT_FALSE(decoded) << message;
    EXPECT_EQ(decoded.error().code, shared::ErrorCode::kMalformed);
    EXPECT_EQ(decoded.error().message, message);
  };
  const std::string data = Encode({MakeGroup(1, {kStart}, {1})});
  expect_error("", "chunk: 0 bytes have no room for a head");
  expect_error(data.substr(0, 5), "chunk: 5 bytes have no room for a head");
  expect_error(data.substr(0, data.size() - 1), "chunk: group 0 is cut");
  expect_error(data + "xy", "chunk: 2 bytes too many");
}

TEST(ChunkCodec, SpendsLittleBesideTheBlock) {
  ChunkGroup group;
  group.members = 0x03ff;
  group.block.series = 10;
  for (int i = 0; i < 360; ++i) group.block.times_unix_nano.push_back(kStart + i * 10'000'000'000);
  for (int i = 0; i < 3600; ++i) group.block.values.push_back(i);
  std::string block;
  shared::wire::BlockEncoder().Encode(group.block, block);
  EXPECT_LE(Encode({group}).size(), block.size() + 100);
}

}  // namespace
}  // namespace collector::storage
