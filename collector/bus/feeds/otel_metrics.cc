#include "collector/bus/feeds/otel_metrics.h"

#include <bit>
#include <span>
#include <unordered_map>
#include <utility>

#include "collector/bus/feeds/metric_writer.h"
#include "shared/wire/block_codec.h"

namespace collector::bus {
namespace {

using pgvigil::v1::Attribute;
using pgvigil::v1::Layout;
using pgvigil::v1::MetricBlock;
using pgvigil::v1::Series;
using shared::model::Block;
using Labels = google::protobuf::RepeatedPtrField<Attribute>;

// Indexes of series that share name, unit and kind, each set in the layout's order; the sets in the
// order of their first series.
std::vector<std::vector<int>> GroupByMetric(const Layout& layout) {
  const auto same = [&](int left, int right) {
    const Series& a = layout.series(left);
    const Series& b = layout.series(right);
    return a.kind() == b.kind() && a.name() == b.name() && a.unit() == b.unit();
  };
  std::vector<std::vector<int>> groups;
  std::unordered_multimap<std::string_view, size_t> by_name;
  for (int i = 0; i < layout.series_size(); ++i) {
    const auto [begin, end] = by_name.equal_range(layout.series(i).name());
    auto found = begin;
    while (found != end && !same(groups[found->second].front(), i)) ++found;
    if (found != end) {
      groups[found->second].push_back(i);
    } else {
      by_name.emplace(layout.series(i).name(), groups.size());
      groups.push_back({i});
    }
  }
  return groups;
}

// Both are sorted by name; of a name that is in both, the series' own stays.
void MergeLabels(const Labels& common, const Labels& own, std::vector<PointAttribute>& out) {
  out.clear();
  auto left = common.begin();
  for (const Attribute& label : own) {
    for (; left != common.end() && left->name() < label.name(); ++left) {
      out.push_back({left->name(), left->value()});
    }
    if (left != common.end() && left->name() == label.name()) ++left;
    out.push_back({label.name(), label.value()});
  }
  for (; left != common.end(); ++left) out.push_back({left->name(), left->value()});
}

bool IsStale(double value) {
  return std::bit_cast<uint64_t>(value) == shared::model::kStaleBits;
}

// Encodes the blocks of one batch.
class BlockWriter {
 public:
  BlockWriter(OtlpEncoding encoding, OtlpRecords& records)
      : writer_(MakeMetricWriter(encoding)), records_(records) {}

  // Returns how many values did not become points.
  uint64_t Write(const MetricBlock& block, const Layout* layout) {
    const uint64_t values = uint64_t{block.series()} * block.ticks();
    if (layout == nullptr || static_cast<size_t>(layout->series_size()) != block.series() ||
        records_.total_bytes() >= OtelMetricsFeed::kBatchLimitBytes ||
        !decoder_.Decode(block.payload(), block.series(), block.ticks(), block_)) {
      return values;
    }
    uint64_t lost = 0;
    for (const std::vector<int>& group : GroupByMetric(*layout)) {
      writer_->Begin(layout->series(group.front()));
      for (const int index : group) lost += WriteSeries(*layout, index);
      CloseMetric();
    }
    return lost;
  }

 private:
  uint64_t WriteSeries(const Layout& layout, int index) {
    const Series& series = layout.series(index);
    MergeLabels(layout.common_labels(), series.labels(), attributes_);
    writer_->BeginSeries(attributes_);
    const std::span<const double> values = block_.SeriesValues(static_cast<size_t>(index));
    if (records_.total_bytes() + writer_->size() + values.size() * writer_->point_bytes() >
        OtelMetricsFeed::kBatchLimitBytes) {
      return values.size();
    }
    bool stale = false;
    for (size_t tick = 0; tick < values.size(); ++tick) {
      const bool was_stale = std::exchange(stale, IsStale(values[tick]));
      if (stale && was_stale) continue;
      if (points_ > 0 &&
          writer_->size() + writer_->point_bytes() + HeadBytes(series) > records_.room()) {
        CloseMetric();
        records_.Close();
        writer_->Begin(series);
      }
      if (stale) {
        writer_->AddStale(block_.times_unix_nano[tick]);
      } else {
        writer_->AddValue(block_.times_unix_nano[tick], values[tick]);
      }
      points_ += 1;
    }
    return 0;
  }

  // Of a Metric beside its points.
  static size_t HeadBytes(const Series& series) {
    return series.name().size() + series.unit().size() + 100;
  }

  void CloseMetric() {
    if (points_ == 0) return;
    records_.Add(writer_->Finish(), points_);
    points_ = 0;
  }

  std::unique_ptr<MetricWriter> writer_;
  OtlpRecords& records_;
  shared::wire::BlockDecoder decoder_;
  Block block_;
  std::vector<PointAttribute> attributes_;
  uint64_t points_ = 0;  // of the open metric
};

}  // namespace

OtelMetricsFeed::OtelMetricsFeed(const config::KafkaFeed& config)
    : topic_(config.topic), encoding_(OtlpEncodingOf(config.encoding)) {}

uint64_t OtelMetricsFeed::Encode(const ingest::AcceptedBatch& batch, const LayoutSource& layouts,
                                 size_t record_bytes, std::vector<FeedRecord>& out) const {
  if (batch.batch.blocks().empty()) return 0;
  OtlpRecords records(encoding_, OtlpSignal::kMetrics, batch, record_bytes, out);
  BlockWriter writer(encoding_, records);
  uint64_t lost = 0;
  for (const MetricBlock& block : batch.batch.blocks()) {
    lost += writer.Write(block, layouts.Find(block.layout_hash()));
  }
  records.Close();
  return lost;
}

}  // namespace collector::bus
