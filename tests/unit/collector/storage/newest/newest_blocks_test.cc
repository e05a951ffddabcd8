#include "collector/storage/newest/newest_blocks.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <random>

namespace collector::storage::newest {
namespace {

using shared::model::Block;

constexpr double kStale = std::bit_cast<double>(shared::model::kStaleBits);
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'767'225'600 * kSecond;

// By what the column codec tells apart: whole numbers of every width, decimals, multiples, what is
// no decimal, gaps.
double RandomValue(std::mt19937_64& random, unsigned kind, double last) {
  const auto below = [&](uint64_t end) { return static_cast<double>(random() % end); };
  switch (kind) {
    case 0:
      return 42.5;
    case 1:
      return last + below(100);
    case 2:
      return last + below(60'000);
    case 3:
      return last - below(100'000'000);
    case 4:
      return below(1'000'000) / 100;
    case 5:
      return below(1 << 20) * 4096;
    case 6:
      return below(1 << 30) * 1e9;
    default:
      return std::bit_cast<double>(random());
  }
}

TEST(ColumnCodec, GivesEveryDoubleBackBitForBit) {
  ColumnEncoder encoder;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<double> values(1 + random() % 130);
    const auto kind = static_cast<unsigned>(random() % 8);
    const uint64_t gaps = random() % 3;  // none, some, many
    double last = 0;
    for (double& value : values) {
      last = RandomValue(random, kind, last);
      value = random() % 100 < gaps * 30 ? kStale : last;
      if (random() % 300 == 0) value = -0.0;
      if (random() % 300 == 0) value = std::numeric_limits<double>::infinity();
    }
    std::string column = "x";  // appended to what is there
    encoder.Encode(values, column);
    std::vector<double> back(values.size());
    DecodeColumn(std::string_view(column).substr(1), back);
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint64_t>(back[i]), std::bit_cast<uint64_t>(values[i]))
          << "seed " << seed << " value " << i;
    }
  }
}

TEST(ColumnCodec, TakesFewBytesForWhatCounts) {
  const auto size = [](auto value_of) {
    std::vector<double> values;
    for (int i = 0; i < 100; ++i) values.push_back(value_of(i));
    std::string column;
    ColumnEncoder().Encode(values, column);
    return column.size();
  };
  EXPECT_EQ(size([](int) { return kStale; }), 1u);
  EXPECT_EQ(size([](int) { return 0.1; }), 9u);
  EXPECT_EQ(size([](int i) { return 1e9 + i * 50; }), 11u + 99);
  EXPECT_EQ(size([](int i) { return i / 100.0; }), 11u + 99);
  EXPECT_EQ(size([](int i) { return i % 7 * 4096.0; }), 11u + 99);
  EXPECT_EQ(size([](int i) { return i % 2 == 0 ? 1.0 : kStale; }), 1u + 13 + 8);
}

std::shared_ptr<const LayoutIndex> MakeLayout(int64_t id, int32_t host, size_t series) {
  std::vector<int64_t> ids;
  for (size_t i = 0; i < series; ++i) ids.push_back(id * 1000 + static_cast<int64_t>(i));
  return std::make_shared<const LayoutIndex>(id, host, ids);
}

Block MakeBlock(size_t series, size_t ticks, int64_t first, double base) {
  Block block;
  block.series = static_cast<uint32_t>(series);
  for (size_t tick = 0; tick < ticks; ++tick) {
    block.times_unix_nano.push_back(first + static_cast<int64_t>(tick) * 10 * kSecond);
  }
  for (size_t i = 0; i < series * ticks; ++i) {
    block.values.push_back(base + static_cast<double>(i));
  }
  return block;
}

shared::WallTime At(int64_t seconds) {
  return shared::FromUnixNanos(kStart + seconds * kSecond);
}

// What all pages hold of a series, by time.
std::map<int64_t, double> Values(const NewestBlocks& blocks, int32_t host, size_t position,
                                 shared::WallTime from, shared::WallTime to) {
  std::map<int64_t, double> out;
  const auto found = blocks.Find(std::vector<int32_t>{host}, from, to);
  if (!found) return out;
  for (const auto& layout : found->layouts) {
    for (const auto& page : layout.pages) {
      std::vector<double> values(page->ticks());
      page->Read(position, values);
      for (size_t i = 0; i < values.size(); ++i) out[page->times_unix_nano[i]] = values[i];
    }
  }
  return out;
}

TEST(NewestBlocks, MergesABlockEachHalfMinuteIntoFewPages) {
  NewestBlocks blocks(size_t{64} << 20);
  const auto layout = MakeLayout(1, 7, 20);
  std::map<int64_t, double> expected;
  for (int64_t i = 0; i < 120; ++i) {
    const Block block = MakeBlock(20, 3, kStart + i * 30 * kSecond, static_cast<double>(i) * 1000);
    EXPECT_FALSE(blocks.Has(1, i));
    blocks.Add(layout, block, i);
    EXPECT_TRUE(blocks.Has(1, i));
    for (size_t tick = 0; tick < 3; ++tick) {
      expected[block.times_unix_nano[tick]] = block.SeriesValues(13)[tick];
    }
  }
  blocks.SetComplete(At(0));
  EXPECT_EQ(Values(blocks, 7, 13, At(0), At(3600)), expected);
  EXPECT_EQ(blocks.usage().blocks, 120u);
  EXPECT_LE(blocks.usage().pages, 13u);
  EXPECT_GE(blocks.usage().bytes, size_t{20} * 360);
  EXPECT_LE(blocks.usage().bytes, size_t{20} * 360 * 5);
  EXPECT_TRUE(Values(blocks, 8, 13, At(0), At(3600)).empty());
}

TEST(NewestBlocks, KeepsWhatComesInAnyOrder) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<int64_t> order(60);
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
    std::shuffle(order.begin(), order.end(), random);
    NewestBlocks blocks(size_t{64} << 20);
    const auto layout = MakeLayout(1, 7, 2);
    std::map<int64_t, double> expected;
    for (const int64_t i : order) {
      const Block block = MakeBlock(2, 1 + random() % 3, kStart + i * 30 * kSecond,
                                    static_cast<double>(random() % 1000));
      blocks.Add(layout, block, i);
      for (size_t tick = 0; tick < block.ticks(); ++tick) {
        expected[block.times_unix_nano[tick]] = block.SeriesValues(1)[tick];
      }
    }
    blocks.SetComplete(At(0));
    EXPECT_EQ(Values(blocks, 7, 1, At(0), At(3600)), expected) << "seed " << seed;
  }
}

TEST(NewestBlocks, SaysWhatItCannotAnswer) {
  NewestBlocks blocks(size_t{64} << 20);
  const std::vector<int32_t> hosts{7};
  EXPECT_FALSE(blocks.Find(hosts, At(0), At(10)));
  blocks.Add(MakeLayout(1, 7, 1), MakeBlock(1, 3, kStart, 0), 0);
  EXPECT_FALSE(blocks.Find(hosts, At(0), At(10)));
  blocks.SetComplete(At(100));
  EXPECT_FALSE(blocks.Find(hosts, At(0), At(100)));
  const auto found = blocks.Find(hosts, At(0), At(101));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->from, At(100));
  EXPECT_EQ(blocks.Find(hosts, At(200), At(201))->from, At(200));
  blocks.SetComplete(std::nullopt);
  EXPECT_FALSE(blocks.Find(hosts, At(200), At(201)));
}

TEST(NewestBlocks, ForgetsTheOldestWhenItIsTooLarge) {
  NewestBlocks blocks(100'000);
  const auto layout = MakeLayout(1, 7, 100);
  shared::WallTime from = At(0);
  blocks.SetComplete(from);
  for (int64_t i = 0; i < 400; ++i) {
    blocks.Add(layout, MakeBlock(100, 3, kStart + i * 30 * kSecond, 0), i);
    from = blocks.KeepFrom(from);
    EXPECT_LE(blocks.usage().bytes, 100'000u);
    EXPECT_EQ(blocks.complete_from(), from);
  }
  EXPECT_GT(from, At(0));
  EXPECT_LT(from, At(12'000));
  // All that it still promises is there.
  const int64_t ticks = (At(12'000) - from) / std::chrono::seconds(10);
  std::map<int64_t, double> kept = Values(blocks, 7, 0, from, At(12'000));
  kept.erase(kept.begin(), kept.lower_bound(shared::ToUnixNanos(from)));
  EXPECT_EQ(static_cast<int64_t>(kept.size()), ticks);
  EXPECT_FALSE(blocks.Has(1, 0));
  EXPECT_EQ(blocks.KeepFrom(At(100'000)), At(100'000));
  EXPECT_EQ(blocks.usage().bytes, 0u);
  EXPECT_EQ(blocks.usage().blocks, 0u);
  EXPECT_EQ(blocks.usage().pages, 0u);
}

}  // namespace
}  // namespace collector::storage::newest
