#include "shared/wire/block_codec.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "shared/text/hex.h"
#include "shared/wire/checksum.h"

namespace shared::wire {
namespace {

using model::Block;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kStale = std::bit_cast<double>(model::kStaleBits);

std::string Encode(const Block& block, Packing packing = Packing::kZstd) {
  std::string out;
  BlockEncoder().Encode(block, out, packing);
  return out;
}

// Series of equal length, a tick each 10 s.
Block MakeBlock(const std::vector<std::vector<double>>& series) {
  Block block;
  block.series = static_cast<uint32_t>(series.size());
  for (const std::vector<double>& values : series) {
    block.values.insert(block.values.end(), values.begin(), values.end());
  }
  for (size_t i = 0; i < series[0].size(); ++i) {
    block.times_unix_nano.push_back(1'767'225'600'000'000'000 +
                                    static_cast<int64_t>(i) * 10'000'000'000);
  }
  return block;
}

// The payload's size, after it came back bit for bit.
size_t RoundTrip(const Block& block, Packing packing = Packing::kZstd) {
  const std::string payload = Encode(block, packing);
  Block back;
  const Result<void> result =
      BlockDecoder().Decode(payload, block.series, static_cast<uint32_t>(block.ticks()), back);
  EXPECT_TRUE(result) << result.error().message;
  if (!result) return 0;
  EXPECT_EQ(back.series, block.series);
  EXPECT_EQ(back.times_unix_nano, block.times_unix_nano);
  EXPECT_EQ(back.values.size(), block.values.size());
  for (size_t i = 0; i < back.values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint64_t>(back.values[i]), std::bit_cast<uint64_t>(block.values[i]))
        << "value " << i << ": " << back.values[i] << " was " << block.values[i];
  }
  return payload.size();
}

// `payload` with the checksum that its other bytes ask for.
std::string Resealed(std::string payload, uint32_t series, uint32_t ticks) {
  payload.resize(payload.size() - 4);
  const uint64_t checksum = Checksum(payload, (uint64_t{series} << 32) | ticks);
  for (int shift = 0; shift < 32; shift += 8) payload += static_cast<char>(checksum >> shift);
  return payload;
}

TEST(BlockCodec, ReturnsEveryClassOfDoubleBitForBit) {
  const auto of_bits = [](uint64_t bits) { return std::bit_cast<double>(bits); };
  const std::vector<double> kinds = {0.0,
                                     -0.0,
                                     1,
                                     -1,
                                     0.1,
                                     -0.1,
                                     12.34,
                                     1e-9,
                                     123456.789012345,
                                     1.0 / 3,
                                     M_PI,
                                     1e15,
                                     1e16,
                                     1e17,
                                     1e18,
                                     -1e18,
                                     9.3e18,
                                     1e19,
                                     1e22,
                                     1e23,
                                     1e300,
                                     -1e300,
                                     9007199254740991,
                                     9007199254740992,
                                     9007199254740994,
                                     9223372036854774784,
                                     -9223372036854775808.0,
                                     9223372036854775808.0,
                                     18446744073709551615.0,
                                     2251799813685247.5,
                                     225179981368524.75,
                                     kInfinity,
                                     -kInfinity,
                                     of_bits(0x7ff8000000000000),
                                     of_bits(0xfff8000000000000),
                                     of_bits(0x7ff8dead0000beef),
                                     of_bits(0x7ff0000000000001),
                                     of_bits(0xffffffffffffffff),
                                     kStale,
                                     of_bits(1),
                                     of_bits(0x000fffffffffffff),
                                     of_bits(0x8000000000000001),
                                     std::numeric_limits<double>::min(),
                                     std::numeric_limits<double>::max(),
                                     std::numeric_limits<double>::lowest(),
                                     double{0.1f},
                                     4096,
                                     1e10 * 4096,
                                     0.30000000000000004};
  for (const double a : kinds) {
    SCOPED_TRACE(fmt::format("{} {:016x}", a, std::bit_cast<uint64_t>(a)));
    RoundTrip(MakeBlock({{a}}));
    RoundTrip(MakeBlock({{a, a, a}}));
    for (const double b : kinds)
      RoundTrip(MakeBlock({{a, b},
                           {
                               a,
                               a,
                           },
                           {b, a}}));
    for (const double b : kinds)
      RoundTrip(MakeBlock({{a, b, a, a}, {a, a, a, b}, {kStale, b, a, b}}));
  }
  RoundTrip(MakeBlock({kinds}));
}

TEST(BlockCodec, ReturnsCountersThatRunSteadilySlowlyOrBackwards) {
  for (const double step : {0.0, 1.0, -1.0, 127.0, 128.0, 1e6, 1e15, -3e17, 0.01, 0.5}) {
    for (const double scale : {1.0, 4096.0, 0.1}) {
      std::vector<double> steady;
      std::vector<double> accelerating;
      std::vector<double> uneven;
      for (int i = 0; i < 40; ++i) {
        steady.push_back((1000 + i * step) * scale);
        accelerating.push_back((1000 + i * i * step) * scale);
        uneven.push_back((i == 20 ? 0 : 1000 + i * step + i % 3) * scale);
      }
      SCOPED_TRACE(fmt::format("step {} scale {}", step, scale));
      RoundTrip(MakeBlock({steady, accelerating, uneven}));
    }
  }
}

TEST(BlockCodec, ReturnsExtremesOfIntegersWhoseDifferencesWrap) {
  const double low = -9223372036854775808.0;
  const double high = 9223372036854774784.0;
  RoundTrip(
      MakeBlock({{low, high, low, high, 0}, {high, low, 0, high, low}, {low, 0, 0, 0, high}}));
}

TEST(BlockCodec, ReturnsTimesOfAnyUnitAndSpacing) {
  const std::vector<std::vector<int64_t>> cases = {
      {0},
      {-5, 7},
      {1, 2, 3, 1000},
      {1'700'000'000'000'000'001, 1'700'000'000'000'000'002},
      {1'700'000'000'000'001'000, 1'700'000'000'000'005'000, 1'700'000'000'000'006'000},
      {1'700'000'000'123'000'000, 1'700'000'010'124'000'000, 1'700'000'020'122'000'000},
      {1'700'000'000'000'000'000, 1'700'000'060'000'000'000, 1'700'000'120'000'000'000},
      {std::numeric_limits<int64_t>::min(), 0, std::numeric_limits<int64_t>::max()}};
  for (const std::vector<int64_t>& times : cases) {
    Block block;
    block.times_unix_nano = times;
    block.series = 2;
    block.values.assign(2 * times.size(), 1.5);
    RoundTrip(block);
  }
}

TEST(BlockCodec, ReturnsRandomMixesOfEverything) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    const auto below = [&random](uint64_t end) { return random() % end; };
    std::vector<std::vector<double>> series(1 + below(40));
    const size_t ticks = 1 + below(below(8) == 0 ? 300 : 12);
    for (std::vector<double>& values : series) {
      const uint64_t kind = below(8);
      const double power = std::pow(10.0, static_cast<double>(below(11)));
      const unsigned bits = static_cast<unsigned>(below(64));
      const uint64_t gaps = below(3) == 0 ? 1 + below(6) : 0;
      auto integer = static_cast<int64_t>(random() >> below(64));
      for (size_t i = 0; i < ticks; ++i) {
        const int64_t draw = static_cast<int64_t>(random() >> bits >> 1) * (below(2) == 0 ? 1 : -1);
        if (kind > 0)
          integer =
              static_cast<int64_t>(static_cast<uint64_t>(integer) + static_cast<uint64_t>(draw));
        double value = static_cast<double>(integer);
        if (kind == 2) value /= power;
        if (kind == 3) value *= 4096;
        if (kind == 4) value = std::bit_cast<double>(random());
        if (kind == 5) value = static_cast<double>(static_cast<float>(value / 7));
        if (kind == 6 && below(5) == 0) value = -0.0;
        values.push_back(gaps != 0 && below(gaps) == 0 ? kStale : value);
      }
    }
    const Block block = MakeBlock(series);
    EXPECT_LE(RoundTrip(block), RoundTrip(block, Packing::kStored));
    if (testing::Test::HasFailure()) break;
  }
}

TEST(BlockCodec, OneEncoderAndDecoderServeBlocksOfAllSizes) {
  BlockEncoder encoder;
  BlockDecoder decoder;
  Block back;
  for (const uint32_t series : {1u, 300u, 2u, 1000u, 20'000u, 1u}) {
    for (const uint32_t ticks : {1u, 100u, 3u}) {
      Block block;
      block.series = series;
      for (uint32_t i = 0; i < ticks; ++i) block.times_unix_nano.push_back(1000 + i);
      for (size_t i = 0; i < size_t{series} * ticks; ++i) {
        block.values.push_back(i % 5 == 0 ? std::sqrt(static_cast<double>(i))
                                          : static_cast<double>(i * i));
      }
      std::string payload = "kept";
      encoder.Encode(block, payload);
      ASSERT_EQ(payload.substr(0, 4), "kept");
      ASSERT_TRUE(decoder.Decode(payload.substr(4), series, ticks, back));
      ASSERT_EQ(back.series, series);
      ASSERT_EQ(back.times_unix_nano, block.times_unix_nano);
      ASSERT_EQ(back.values, block.values);
    }
  }
}

TEST(BlockCodec, TakesTheLargestBlock) {
  Block block;
  block.series = 1024;
  for (int64_t i = 0; i < 4096; ++i) block.times_unix_nano.push_back(i);
  for (size_t i = 0; i < size_t{1024} * 4096; ++i) block.values.push_back(static_cast<double>(i));
  const std::string payload = Encode(block);
  EXPECT_LT(payload.size(), 10'000u);
  Block back;
  ASSERT_TRUE(BlockDecoder().Decode(payload, 1024, 4096, back));
  EXPECT_EQ(back.values, block.values);
}

// A few hundred like series, so that a bound on bytes is one on the way a series is written.
size_t BytesPerSeries(const std::vector<double>& values) {
  constexpr size_t kSeries = 400;
  return RoundTrip(MakeBlock(std::vector<std::vector<double>>(kSeries, values))) / kSeries;
}

TEST(BlockCodec, WritesWhatRepeatsInNextToNothing) {
  EXPECT_EQ(BytesPerSeries(std::vector<double>(30, 0.0)), 0u);
  EXPECT_EQ(BytesPerSeries(std::vector<double>(30, kStale)), 0u);
  EXPECT_LE(BytesPerSeries(std::vector<double>(30, 77.5)), 2u);
  EXPECT_LE(BytesPerSeries(std::vector<double>(30, 1.0 / 3)), 6u);
  EXPECT_LE(BytesPerSeries(std::vector<double>(30, kInfinity)), 1u);
  EXPECT_LE(BytesPerSeries(std::vector<double>(30, 4096e9)), 4u);
}

TEST(BlockCodec, ASeriesThatMissesTicksStillCompresses) {
  std::vector<double> values;
  for (int i = 0; i < 64; ++i) values.push_back(i % 7 == 3 ? kStale : 1e6 + i * 12.25);
  EXPECT_LE(BytesPerSeries(values), 8u);
}

TEST(BlockCodec, LeavesZeroBytesOfRawValuesOut) {
  std::mt19937_64 random(3);
  std::vector<std::vector<double>> series(100);
  for (std::vector<double>& values : series) {
    for (int i = 0; i < 10; ++i) {  // 29 zero bits at the end
      values.push_back(
          double{std::bit_cast<float>(0x3f000000u | (static_cast<uint32_t>(random()) >> 9))});
    }
  }
  EXPECT_LT(RoundTrip(MakeBlock(series)), 1000 * 5u);
}

// One series of each way to be written; small enough to be stored.
Block GoldenBlock() {
  return MakeBlock({{7, 7, 7, 7},
                    {100, 110, 120, 130},
                    {1.5, 1.25, 1.75, 1.5},
                    {4096, 1048576, 4096, 8192},
                    {kStale, 5, kStale, 6},
                    {kStale, kStale, kStale, kStale},
                    {M_PI, M_PI, M_PI, M_PI},
                    {-0.0, 0.5, -kInfinity, 1}});
}

TEST(BlockCodec, PayloadBytesNeverChange) {
  EXPECT_EQ(text::ToHex(Encode(GoldenBlock())),
            "01000c0901010a050380e4ad950d1400000001220a05bcaeac0c0a09400080e0bf10c000c001010b"
            "010114316431fe03fd0302020ec82c01020a182d4454fb21cf3af0b0");
  // Steps as a column of one byte, of two, as varints, and differences of differences.
  EXPECT_EQ(text::ToHex(Encode(MakeBlock({{0, 100, 201, 300},
                                          {0, 1000, 3000, 1500},
                                          {0, 1, 100'000, 100'001},
                                          {0, 70'000, 140'001, 210'004}}))),
            "01000309000000040380e4ad950d1400000202020309120000c8cac6070f0b02be9a0c02e0c50802"
            "04d0a0b753ef18d2");
}

TEST(BlockCodec, RefusesEveryCutAndEveryFlippedBit) {
  std::vector<std::vector<double>> many;
  for (int i = 0; i < 60; ++i) many.push_back({i * 1.0, i * 2.0, i / 3.0});
  for (const Block& block : {GoldenBlock(), MakeBlock({{1}}), MakeBlock(many)}) {
    const auto ticks = static_cast<uint32_t>(block.ticks());
    const std::string payload = Encode(block);
    BlockDecoder decoder;
    Block back;
    for (size_t cut = 0; cut < payload.size(); ++cut) {
      const Result<void> result = decoder.Decode(payload.substr(0, cut), block.series, ticks, back);
      ASSERT_FALSE(result) << cut;
      EXPECT_EQ(result.error().code, ErrorCode::kMalformed) << cut;
    }
    for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
      std::string flipped = payload;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      EXPECT_FALSE(decoder.Decode(flipped, block.series, ticks, back)) << bit;
    }
    EXPECT_FALSE(decoder.Decode(payload + '\0', block.series, ticks, back));
    ASSERT_TRUE(decoder.Decode(payload, block.series, ticks, back))
        << "errors leave it fit for use";
  }
}

TEST(BlockCodec, RefusesOtherCountsThanWereEncoded) {
  const std::string payload = Encode(GoldenBlock());
  Block back;
  for (const auto& [series, ticks] :
       {std::pair(8u, 3u), std::pair(8u, 5u), std::pair(4u, 8u), std::pair(7u, 4u)}) {
    const Result<void> result = BlockDecoder().Decode(payload, series, ticks, back);
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message,
                testing::MatchesRegex(fmt::format(
                    "block: checksum of {} series and {} ticks is [0-9a-f]+, stored is [0-9a-f]+",
                    series, ticks)));
    // A peer that seals what it likes gets no further.
    EXPECT_FALSE(BlockDecoder().Decode(Resealed(payload, series, ticks), series, ticks, back));
  }
}

TEST(BlockCodec, NamesWhatIsWrong) {
  const std::string good = Encode(MakeBlock({{1, 3}}));
  const auto expect_error = [](const std::string& payload, uint32_t series, uint32_t ticks,
                               ErrorCode code, std::string_view message) {
    Block back;
    const Result<void> result = BlockDecoder().Decode(payload, series, ticks, back);
    ASSERT_FALSE(result) << message;
    EXPECT_EQ(result.error().message, message);
    EXPECT_EQ(result.error().code, code) << message;
  };
  // The good payload with one byte replaced and a fitting checksum. Its bytes: version, packing,
  // tail size, 5 stream sizes, times …
  const auto expect_malformed = [&](size_t at, int byte, std::string_view message) {
    std::string bad = good;
    ASSERT_LT(at, bad.size() - 4);
    bad[at] = static_cast<char>(byte);
    expect_error(Resealed(bad, 1, 2), 1, 2, ErrorCode::kMalformed, message);
  };
  expect_error("", 1, 2, ErrorCode::kMalformed, "block: 0 bytes are no payload");
  expect_error(good.substr(0, 5), 1, 2, ErrorCode::kMalformed, "block: 5 bytes are no payload");
  expect_error(good, 0, 2, ErrorCode::kMalformed, "block: 0 series and 2 ticks are no block");
  expect_error(good, 1, 0, ErrorCode::kMalformed, "block: 1 series and 0 ticks are no block");
  expect_error(good, 20'001, 1, ErrorCode::kResourceExhausted,
               "block: 20001 series and 1 ticks exceed the limits of 20000 series, 4096 ticks and "
               "4194304 values");
  expect_error(good, 1, 4097, ErrorCode::kResourceExhausted,
               "block: 1 series and 4097 ticks exceed the limits of 20000 series, 4096 ticks and "
               "4194304 values");
  expect_error(
      good, 1025, 4096, ErrorCode::kResourceExhausted,
      "block: 1025 series and 4096 ticks exceed the limits of 20000 series, 4096 ticks and "
      "4194304 values");
  expect_malformed(0, 2, "block: version 2 is not known");
  expect_malformed(1, 2, "block: packing 2 is not known");
  expect_malformed(1, 1, "block: zstd: the frame at byte 0: Unknown frame descriptor");
  expect_malformed(2, 100, "block: the tail is longer than the payload");
  expect_malformed(3, 100, "block: the body is too short");
  expect_malformed(8, 4, "block: time unit 4 is not known");
  expect_malformed(good.size() - 4 - 4, 189, "block: series 0: code is not known");
  expect_malformed(good.size() - 4 - 4, 4, "block: series 0: no mask");
  expect_malformed(good.size() - 4 - 3, 90, "block: values are missing");
}

}  // namespace
}  // namespace shared::wire
