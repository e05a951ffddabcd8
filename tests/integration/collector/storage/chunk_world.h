#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"
#include "collector/storage/compaction/compaction.h"
#include "collector/storage/migrations.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/sql_text.h"
#include "shared/metrics/registry.h"
#include "shared/text/hex.h"
#include "shared/wire/block_codec.h"
#include "tests/support/postgres_server.h"

namespace tests {

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;
// 2026-01-01 00:00 UTC.
inline constexpr int64_t kWorldStart = 1'767'225'600 * kNanosPerSecond;

// (series, time) -> the value's bits.
using SampleSet = std::map<std::pair<int64_t, int64_t>, uint64_t>;

// A migrated database with two hosts whose layouts share some series, blocks written straight into
// L0, and a compaction that runs when told.
class ChunkWorld : public ::testing::Test {
 protected:
  using Connection = shared::postgres::Connection;

  void SetUp() override {
    server_.Execute("CREATE DATABASE pgvigil");
    connection_.emplace(server_.Connect("pgvigil"));
    auto migrated =
        collector::storage::Migrate(*connection_, collector::storage::EmbeddedMigrations());
    ASSERT_TRUE(migrated) << migrated.error().message;
    // Series 1 to 40 are of host 1, 41 to 80 of host 2; layouts 1 to 3 of host 1, 4 to 6 of host 2.
    Do("INSERT INTO pgvigil.host (tenant_id, host_key, name, resource)"
       " SELECT 1, 'h' || i, 'h' || i, '{}' FROM generate_series(1, 2) i");
    Do("INSERT INTO pgvigil.metric (tenant_id, name) SELECT 1, 'm' || i FROM generate_series(1, 7) "
       "i");
    Do("INSERT INTO pgvigil.series (host_id, metric_id, kind, unit, labels, fingerprint)"
       " SELECT 1 + i / 40, 1 + i % 7, 1, '', '{}', gen_random_uuid() FROM generate_series(0, 79) "
       "i");
    Do("INSERT INTO pgvigil.layout (host_id, hash, series_ids)"
       " SELECT h, gen_random_uuid(), array_agg(s ORDER BY s * 7919 % 83)"
       " FROM generate_series(1, 2) h, generate_series(0, 2) l, generate_series(1, 40) i,"
       " LATERAL (SELECT (h - 1) * 40 + i AS s) x WHERE i % 3 <> l OR i % 5 = 0 GROUP BY h, l "
       "ORDER BY h, l");
    StartCompaction();
  }

  void StartCompaction() {
    compaction_ = std::make_unique<collector::storage::Compaction>(
        collector::storage::CompactionOptions{.look_interval = std::chrono::seconds(1),
                                              .look_at_all_interval = std::chrono::seconds(0)},
        partitions_, registry_);
  }

  void Do(std::string_view sql) {
    auto done = connection_->Query(sql);
    ASSERT_TRUE(done) << sql << ": " << done.error().message;
  }
  std::string Ask(std::string_view sql) {
    auto rows = connection_->Query(sql);
    EXPECT_TRUE(rows) << sql << ": " << rows.error().message;
    return rows && rows->size() > 0 ? std::string(rows->Text(0, 0)) : std::string();
  }

  // What a series measures at a time: of every class of double, stale at times, the same whoever
  // asks.
  static double ValueAt(int64_t series, int64_t time) {
    std::mt19937_64 random(static_cast<uint64_t>(series) * 1'000'003 + static_cast<uint64_t>(time));
    if (random() % 50 == 0) return std::bit_cast<double>(shared::model::kStaleBits);
    switch (series % 4) {
      case 0:
        return std::bit_cast<double>(random());
      case 1:
        return static_cast<double>(random() % 1000) / 100;
      case 2:
        return static_cast<double>(time / kNanosPerSecond);
      default:
        return std::bit_cast<double>(0x7ff8'0000'0000'0000 | random() % 4);
    }
  }

  // Writes a block of a layout; false: one with that first time is there already.
  bool AddBlock(int layout, int64_t first, int64_t interval, size_t ticks, double offset = 0) {
    using namespace collector::storage;
    const std::string host = layout <= 3 ? "1" : "2";
    if (layouts_.empty()) ReadLayouts();
    const std::vector<int64_t>& series = layouts_[layout];
    shared::model::Block block;
    block.series = static_cast<uint32_t>(series.size());
    for (size_t i = 0; i < ticks; ++i) {
      block.times_unix_nano.push_back(first + static_cast<int64_t>(i) * interval);
    }
    for (const int64_t one : series) {
      for (const int64_t time : block.times_unix_nano) {
        block.values.push_back(offset == 0 ? ValueAt(one, time) : offset);
      }
    }
    std::string payload;
    shared::wire::BlockEncoder().Encode(block, payload);
    const shared::WallTime begin = shared::FromUnixNanos(first);
    EXPECT_TRUE(partitions_.Reload(*connection_));
    EXPECT_TRUE(partitions_.Ensure(*connection_, {PartitionOf(kBlockTable, begin)}));
    auto done = connection_->Query(
        "INSERT INTO pgvigil.block VALUES ($1, $2, $3, $4, $5, 1, decode($6, 'hex'))"
        " ON CONFLICT DO NOTHING",
        {host, std::to_string(layout), FormatTimestamp(begin),
         FormatTimestamp(shared::FromUnixNanos(block.times_unix_nano.back())),
         std::to_string(ticks), shared::text::ToHex(payload)});
    EXPECT_TRUE(done) << done.error().message;
    if (!done || done->affected() == 0) return false;
    if (offset == 0) AddSamples(block, series, truth_);
    return true;
  }

  // Runs until nothing is left to do, at now_ or a little later.
  shared::Result<void> Compact() {
    for (;;) {
      now_ += kNanosPerSecond;
      const auto pause = compaction_->Run(*connection_, shared::FromUnixNanos(now_), {});
      if (!pause) return tl::make_unexpected(pause.error());
      if (pause->count() != 0) return {};
    }
  }

  // All that chunks say. `doubles`: samples that are in more than one chunk.
  SampleSet ReadChunks(size_t* doubles = nullptr) {
    using namespace collector::storage;
    std::map<int64_t, std::vector<int64_t>> families;
    auto rows = connection_->QueryBinary("SELECT id, series_ids FROM pgvigil.family");
    for (size_t row = 0; row < rows->size(); ++row) {
      families[rows->Int8(row, 0)] = rows->Int8Array(row, 1);
    }
    auto chunks = connection_->QueryBinary(
        "SELECT family_id, samples, data FROM pgvigil.chunk ORDER BY span DESC, window_start");
    SampleSet out;
    ChunkDecoder decoder;
    std::vector<ChunkGroup> groups;
    for (size_t row = 0; row < chunks->size(); ++row) {
      auto decoded = decoder.Decode(chunks->Text(row, 2), kAllMembers, groups);
      EXPECT_TRUE(decoded) << decoded.error().message;
      size_t samples = 0;
      for (const ChunkGroup& group : groups) {
        std::vector<int64_t> series;
        for (size_t ord = 0; ord < kFamilySeries; ++ord) {
          if ((group.members >> ord & 1) != 0) {
            series.push_back(families[chunks->Int8(row, 0)].at(ord));
          }
        }
        const size_t before = out.size();
        const size_t added = AddSamples(group.block, series, out);
        samples += added;
        if (doubles != nullptr) *doubles += before + added - out.size();
      }
      EXPECT_EQ(static_cast<size_t>(chunks->Int4(row, 1)), samples);
    }
    return out;
  }

  SampleSet ReadBlocks() {
    if (layouts_.empty()) ReadLayouts();
    SampleSet out;
    auto rows = connection_->QueryBinary("SELECT layout_id, ticks, data FROM pgvigil.block");
    shared::wire::BlockDecoder decoder;
    shared::model::Block block;
    for (size_t row = 0; row < rows->size(); ++row) {
      const auto& series = layouts_[static_cast<int>(rows->Int8(row, 0))];
      auto decoded = decoder.Decode(rows->Text(row, 2), static_cast<uint32_t>(series.size()),
                                    static_cast<uint32_t>(rows->Int2(row, 1)), block);
      if (decoded) AddSamples(block, series, out);
    }
    return out;
  }

  // First wins; returns how many values there were, stale markers not counted.
  static size_t AddSamples(const shared::model::Block& block, const std::vector<int64_t>& series,
                           SampleSet& out) {
    size_t count = 0;
    for (size_t i = 0; i < series.size(); ++i) {
      const auto values = block.SeriesValues(i);
      for (size_t tick = 0; tick < block.ticks(); ++tick) {
        const uint64_t bits = std::bit_cast<uint64_t>(values[tick]);
        if (bits == shared::model::kStaleBits) continue;
        out.emplace(std::pair(series[i], block.times_unix_nano[tick]), bits);
        count += 1;
      }
    }
    return count;
  }

  [[nodiscard]] double Metric(std::string_view name) const {
    const std::string text = registry_.Expose();
    const size_t at = text.find("\n" + std::string(name) + " ");
    return at == std::string::npos ? -1 : std::atof(text.c_str() + at + name.size() + 2);
  }

  PostgresServer server_;
  std::optional<Connection> connection_;
  collector::storage::PartitionKeeper partitions_;
  shared::metrics::Registry registry_;
  std::unique_ptr<collector::storage::Compaction> compaction_;
  SampleSet truth_;
  int64_t now_ = kWorldStart;

 private:
  void ReadLayouts() {
    auto rows = connection_->QueryBinary("SELECT id, series_ids FROM pgvigil.layout");
    for (size_t row = 0; row < rows->size(); ++row) {
      layouts_[static_cast<int>(rows->Int8(row, 0))] = rows->Int8Array(row, 1);
    }
  }
  std::map<int, std::vector<int64_t>> layouts_;
};

}  // namespace tests
