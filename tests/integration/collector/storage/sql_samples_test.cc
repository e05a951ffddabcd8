#include <gtest/gtest.h>

#include <cmath>

#include "shared/wire/zstd.h"
#include "tests/integration/collector/storage/chunk_world.h"

namespace tests {
namespace {

class SqlSamplesTest : public ChunkWorld {
 protected:
  // What pgvigil.samples says of all metrics, NaNs as one.
  SampleSet ReadBySql(int64_t from, int64_t to) {
    SampleSet out;
    const auto rows = connection_->Query(
        "SELECT s.series_id, round(extract(epoch FROM s.time) * 1000000)::int8, s.value"
        " FROM generate_series(1, 7) m, LATERAL pgvigil.samples('m' || m, '{}', $1, $2) s",
        {Text(from), Text(to)});
    EXPECT_TRUE(rows) << rows.error().message;
    for (size_t row = 0; rows && row < rows->size(); ++row) {
      const auto [at, is_new] =
          out.emplace(std::pair(*rows->Int(row, 0), *rows->Int(row, 1) * 1000),
                      Canonical(rows->Double(row, 2).value_or(std::nan(""))));
      EXPECT_TRUE(is_new) << "series " << at->first.first << " at " << at->first.second;
    }
    return out;
  }
  SampleSet Truth(int64_t from, int64_t to) const {
    SampleSet out;
    for (const auto& [key, bits] : truth_) {
      if (key.second >= from && key.second < to) {
        out.emplace(key, Canonical(std::bit_cast<double>(bits)));
      }
    }
    return out;
  }
  static std::string Text(int64_t nanos) {
    return collector::storage::FormatTimestamp(shared::FromUnixNanos(nanos));
  }
  static uint64_t Canonical(double value) {
    return std::bit_cast<uint64_t>(std::isnan(value) ? std::nan("") : value);
  }
};

constexpr int64_t kMinute = 60 * kNanosPerSecond;

TEST_F(SqlSamplesTest, AreThoseThatWereStoredHoweverFarCompactionIs) {
  for (int minute = 0; minute < 90; minute += 5) {
    for (int layout = 1; layout <= 6; ++layout) {
      const size_t ticks = layout % 3 == 0 ? 1 : 30;
      AddBlock(layout, kWorldStart + minute * kMinute + layout * 7 * kNanosPerSecond,
               10 * kNanosPerSecond, ticks);
    }
  }
  const int64_t from = kWorldStart + 3 * kMinute;
  const int64_t to = kWorldStart + 80 * kMinute + 7 * kNanosPerSecond;
  const SampleSet truth = Truth(from, to);
  ASSERT_GT(truth.size(), 10'000u);
  EXPECT_EQ(ReadBySql(from, to), truth);
  now_ = kWorldStart + 45 * kMinute;
  ASSERT_TRUE(Compact());
  ASSERT_NE(Ask("SELECT count(*) FROM pgvigil.chunk"), "0");
  EXPECT_EQ(ReadBySql(from, to), truth);
  now_ = kWorldStart + 240 * kMinute;
  ASSERT_TRUE(Compact());
  ASSERT_EQ(Ask("SELECT count(*) FROM pgvigil.chunk WHERE span = 10"), "0");
  EXPECT_EQ(ReadBySql(from, to), truth);
  // And chunks alone hold it all.
  Do("TRUNCATE pgvigil.block");
  EXPECT_EQ(ReadBySql(from, to), truth);
}

TEST_F(SqlSamplesTest, AreNotReadOfTooManySeries) {
  const auto rows = connection_->Query("SELECT * FROM pgvigil.samples('m1', max_series => 3)");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().message,
            "54000 12 series match, at most 3 are read at once (HINT: Name a host or labels, raise "
            "max_series, or read rollups.; CONTEXT: PL/pgSQL function pgvigil.samples(text,jsonb,"
            "timestamp with time zone,timestamp with time zone,text,integer) line 14 at RAISE)");
}

// Text, numbers, noise and runs of one byte, of all levels and lengths.
TEST_F(SqlSamplesTest, UnpackWhatZstdPacks) {
  std::mt19937_64 random(20261121);
  const auto make = [&](int kind, size_t length) {
    static constexpr const char* kWords[] = {"checkpoint ", "starting: ", "time ", "duration ",
                                             "\n"};
    std::string out;
    while (out.size() < length) {
      const uint64_t number = random();
      switch (kind) {
        case 0:
          out += static_cast<char>(number);
          break;
        case 1:
          out += static_cast<char>(std::countr_zero(number | 1u << 20) +
                                   static_cast<int>(number >> 62));
          break;
        case 2:
          out += kWords[number % 5];
          break;
        default:
          out += 'a';
      }
    }
    out.resize(length);
    return out;
  };
  for (const int level : {-3, 1, 3, 19}) {
    shared::wire::Compressor compressor(level);
    for (int kind = 0; kind < 4; ++kind) {
      for (const size_t length : {0u, 1u, 6u, 200u, 5'000u, 140'000u}) {
        const std::string content = make(kind, length);
        std::string packed;
        compressor.Append(content, packed);
        const auto rows = connection_->QueryBinary(
            "SELECT pgvigil.zstd_decompress(decode($1, 'hex'))", {shared::text::ToHex(packed)});
        ASSERT_TRUE(rows) << rows.error().message;
        EXPECT_TRUE(rows->Text(0, 0) == content)
            << "level " << level << ", kind " << kind << ", " << length << " bytes";
      }
    }
  }
}

// Damage ends in an error or in other bytes, never in a loop.
TEST_F(SqlSamplesTest, EndAtDamage) {
  std::mt19937_64 random(20261121);
  std::string content, packed;
  for (int i = 0; i < 300; ++i) content += std::to_string(random() % 1000) + " ";
  shared::wire::Compressor(3).Append(content, packed);
  Do("SET statement_timeout = '20s'");
  const auto unpack = [&](const std::string& bytes) {
    const auto rows = connection_->Query("SELECT pgvigil.zstd_decompress(decode($1, 'hex'))",
                                         {shared::text::ToHex(bytes)});
    return rows ? std::string() : rows.error().message.substr(0, 5);
  };
  for (size_t length = 0; length < packed.size(); length += 7) {
    EXPECT_NE(unpack(packed.substr(0, length)), "") << length;
  }
  for (int i = 0; i < 200; ++i) {
    std::string damaged = packed;
    damaged[4 + random() % (packed.size() - 4)] = static_cast<char>(random());
    EXPECT_NE(unpack(damaged), "57014") << shared::text::ToHex(damaged);
  }
}

}  // namespace
}  // namespace tests
