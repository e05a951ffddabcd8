#include "collector/storage/chunks/chunk_merge.h"

#include <gtest/gtest.h>

#include <bit>

namespace collector::storage {
namespace {

const double kStale = std::bit_cast<double>(shared::model::kStaleBits);

// A part that owns what FamilyPart names: by ord, values at the times.
struct Source {
  std::vector<int64_t> times;
  std::vector<std::pair<size_t, std::vector<double>>> series;

  [[nodiscard]] FamilyPart Part(uint8_t source = 0) const {
    FamilyPart part;
    part.times = times;
    part.source = source;
    for (const auto& [ord, values] : series) {
      part.members |= static_cast<FamilyMembers>(1u << ord);
      part.values[ord] = values.data();
    }
    return part;
  }
};

struct Merged {
  MergeCounts counts;
  std::vector<ChunkGroup> groups;
};
Merged Merge(std::vector<FamilyPart> parts) {
  Merged out;
  out.counts = ChunkMerger().Merge(parts, out.groups);
  return out;
}

TEST(ChunkMerger, PutsPartsThatFollowEachOtherIntoOneGroup) {
  const Source late{{30, 40}, {{0, {3, 4}}, {2, {7, kStale}}}};
  const Source early{{10, 20}, {{0, {1, 2}}, {2, {5, 6}}}};
  const Merged merged = Merge({late.Part(), early.Part()});
  ASSERT_EQ(merged.groups.size(), 1u);
  EXPECT_EQ(merged.groups[0].members, 0b101);
  EXPECT_EQ(merged.groups[0].block.times_unix_nano, (std::vector<int64_t>{10, 20, 30, 40}));
  const auto values = merged.groups[0].block.SeriesValues(0);
  EXPECT_EQ(std::vector<double>(values.begin(), values.end()), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(merged.counts.samples, 7u);
  EXPECT_EQ(merged.counts.first_time, 10);
  EXPECT_EQ(merged.counts.last_time, 40);
}

TEST(ChunkMerger, GroupsSeriesByTheirTimes) {
  const Source a{{10, 30}, {{0, {1, 3}}, {1, {1, 3}}}};
  const Source b{{20}, {{1, {2}}, {2, {9}}}};
  const Merged merged = Merge({a.Part(), b.Part()});
  ASSERT_EQ(merged.groups.size(), 3u);
  EXPECT_EQ(merged.groups[0].block.times_unix_nano, (std::vector<int64_t>{10, 30}));
  EXPECT_EQ(merged.groups[1].block.times_unix_nano, (std::vector<int64_t>{10, 20, 30}));
  EXPECT_EQ(merged.groups[1].block.values, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(merged.groups[2].members, 0b100);
}

TEST(ChunkMerger, KeepsTheFirstOfTwoValuesAndCountsTheOther) {
  const Source first{{10, 20}, {{0, {1, kStale}}}};
  const Source second{{10, 20, 30}, {{0, {5, 2, 3}}}};
  const Merged merged = Merge({first.Part(7), second.Part(4)});
  ASSERT_EQ(merged.groups.size(), 1u);
  EXPECT_EQ(merged.groups[0].block.values, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(merged.counts.duplicates[4], 1u);
  EXPECT_EQ(merged.counts.duplicates[7], 0u);
}

TEST(ChunkMerger, TakesTheSameValueAgainForNothing) {
  const Source once{{10, 20}, {{0, {0.0, 1}}}};
  const Merged merged = Merge({once.Part(1), once.Part(2)});
  EXPECT_EQ(merged.counts.samples, 2u);
  EXPECT_EQ(merged.counts.duplicates, (std::array<uint64_t, kMergeSources>{}));
}

TEST(ChunkMerger, CutsGroupsThatAreTooLong) {
  Source dense;
  Source other;
  dense.series.push_back({0, {}});
  other.series.push_back({0, {}});
  for (int i = 0; i < 4000; ++i) {
    dense.times.push_back(i * 2);
    dense.series[0].second.push_back(i);
    other.times.push_back(i * 2 + 1);
    other.series[0].second.push_back(i);
  }
  const Merged merged = Merge({dense.Part(), other.Part()});
  ASSERT_EQ(merged.groups.size(), 2u);
  EXPECT_EQ(merged.groups[0].block.ticks(), kMaxGroupTicks);
  EXPECT_EQ(merged.groups[1].block.ticks(), 8000 - kMaxGroupTicks);
  std::string data;
  ChunkEncoder().Encode(merged.groups, data);
}

TEST(ChunkMerger, LeavesOutWhatIsTooMuch) {
  std::vector<Source> sources(130);
  std::vector<FamilyPart> parts;
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t tick = 0; tick < 4096; ++tick) {
      sources[i].times.push_back(static_cast<int64_t>(i * 4096 + tick));
    }
    for (size_t ord = 0; ord < 8; ++ord) {
      sources[i].series.push_back({ord, std::vector<double>(4096, 1)});
    }
    parts.push_back(sources[i].Part());
  }
  const Merged merged = Merge(parts);
  EXPECT_EQ(merged.counts.samples, kMaxChunkValues);
  EXPECT_EQ(merged.counts.left_out, 2u * 8 * 4096);
}

}  // namespace
}  // namespace collector::storage
