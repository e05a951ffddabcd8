#include "tests/unit/collector/ingest/foreign/foreign_points.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <map>

#include "collector/ingest/batch_check.h"
#include "collector/storage/store_limits.h"
#include "shared/wire/block_codec.h"
#include "shared/wire/layout_proto.h"

namespace tests {
namespace {

using collector::ingest::foreign::ForeignDecoded;

std::string LabelText(const shared::model::Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += fmt::format("{}{}={}", out.empty() ? "" : ",", name, value);
  }
  return out;
}

std::string SeriesText(const shared::model::Layout& layout, const shared::model::Series& series) {
  shared::model::Labels labels = layout.common_labels;
  labels.insert(labels.end(), series.labels.begin(), series.labels.end());
  return fmt::format("{} {} {} {{{}}}", series.name, series.unit.empty() ? "-" : series.unit,
                     shared::model::KindName(series.kind), LabelText(labels));
}

void AppendBlock(const std::string& host, const shared::model::Layout& layout,
                 const pgvigil::v1::MetricBlock& proto, std::vector<std::string>& lines) {
  shared::wire::BlockDecoder decoder;
  shared::model::Block block;
  const auto decoded = decoder.Decode(proto.payload(), proto.series(), proto.ticks(), block);
  ASSERT_TRUE(decoded) << decoded.error().message;
  ASSERT_EQ(proto.series(), layout.series.size());
  ASSERT_EQ(static_cast<int64_t>(proto.first_unix_nano()), block.times_unix_nano.front());
  ASSERT_EQ(static_cast<int64_t>(proto.last_unix_nano()), block.times_unix_nano.back());
  ASSERT_LE(std::chrono::nanoseconds(proto.last_unix_nano() - proto.first_unix_nano()),
            collector::storage::StoreLimits{}.block_span);
  for (size_t i = 0; i < layout.series.size(); ++i) {
    for (size_t tick = 0; tick < block.ticks(); ++tick) {
      const double value = block.SeriesValues(i)[tick];
      if (std::bit_cast<uint64_t>(value) == shared::model::kStaleBits) continue;
      lines.push_back(fmt::format("{} | {} {} {}", host, SeriesText(layout, layout.series[i]),
                                  block.times_unix_nano[tick] - kForeignNow, value));
    }
  }
}

}  // namespace

collector::ingest::foreign::ForeignRecord MakeRecord(std::string_view value) {
  collector::ingest::foreign::ForeignRecord record;
  record.value = value;
  record.topic = "t";
  record.partition = 3;
  record.offset = 7;
  record.timestamp = shared::FromUnixNanos(kForeignNow - 1'000'000'000);
  return record;
}

std::vector<std::string> PointLines(const ForeignDecoded& decoded) {
  std::vector<std::string> lines;
  for (pgvigil::v1::Batch batch : decoded.batches) {
    std::string host;
    for (const auto& attribute : batch.resource().attributes()) {
      host += (host.empty() ? "" : ",") + attribute.name() + "=" + attribute.value();
    }
    const auto refusals =
        collector::ingest::CheckBatch(batch, {}, shared::FromUnixNanos(kForeignNow));
    EXPECT_TRUE(refusals && refusals->empty()) << host;
    std::map<std::string, shared::model::Layout> layouts;
    for (const auto& proto : batch.layouts()) {
      auto layout = shared::wire::FromProto(proto);
      if (!layout) {
        ADD_FAILURE() << layout.error().message;
        continue;
      }
      layouts.emplace(proto.hash(), std::move(*layout));
    }
    for (const auto& block : batch.blocks()) {
      AppendBlock(host, layouts.at(block.layout_hash()), block, lines);
    }
  }
  return lines;
}

std::vector<std::string> RefusalLines(const ForeignDecoded& decoded) {
  std::vector<std::string> lines;
  for (const auto& refusal : decoded.refusals) {
    lines.push_back(fmt::format("{} {} {}", refusal.reason(), refusal.items(), refusal.example()));
  }
  return lines;
}

}  // namespace tests
