// The counts of label_index.h: which metrics, labels and hosts have how many series.
#include <map>
#include <utility>

#include "collector/storage/index/label_index.h"

namespace collector::storage {

void LabelIndex::CountNew(const SeriesEntry& series, const Row32& row) {
  const int64_t newest = new_by_slot_.empty() ? series.first_slot : new_by_slot_.rbegin()->first;
  if (series.first_slot + kSlotsCounted < newest) return;
  NewSeries& slot = new_by_slot_[series.first_slot];
  slot.metrics[row.metric] += 1;
  slot.hosts[row.host] += 1;
  for (uint16_t i = 1; i < row.pairs; ++i) {
    slot.names[pairs_[row_pairs_[row.first_pair + i]].name] += 1;
  }
  while (new_by_slot_.begin()->first + kSlotsCounted < new_by_slot_.rbegin()->first) {
    new_by_slot_.erase(new_by_slot_.begin());
  }
}

LabelIndex::Counts LabelIndex::CountMetrics(int64_t now_slot) const {
  Counts out;
  const uint32_t metric = FindName(kMetricLabel);
  if (metric == kNone) return out;
  for (const uint32_t pair : names_[metric].pairs) {
    out[symbols_[pairs_[pair].value]].series = pairs_[pair].series.size();
  }
  for (const auto& [slot, fresh] : new_by_slot_) {
    for (const auto& [pair, count] : fresh.metrics) {
      Count& one = out[symbols_[pairs_[pair].value]];
      if (slot > now_slot - kSlotsCounted) one.new_last_day += count;
      if (slot >= now_slot - kSlotsPerHour) one.new_last_hour += count;
    }
  }
  return out;
}

LabelIndex::Counts LabelIndex::CountLabels(int64_t now_slot) const {
  Counts out;
  for (const Name& name : names_) {
    if (symbols_[name.symbol] == kMetricLabel) continue;
    Count& count = out[symbols_[name.symbol]];
    count.values = name.pairs.size();
    for (const uint32_t pair : name.pairs) count.series += pairs_[pair].series.size();
  }
  for (const auto& [slot, fresh] : new_by_slot_) {
    for (const auto& [name, count] : fresh.names) {
      Count& one = out[symbols_[names_[name].symbol]];
      if (slot > now_slot - kSlotsCounted) one.new_last_day += count;
      if (slot >= now_slot - kSlotsPerHour) one.new_last_hour += count;
    }
  }
  return out;
}

std::unordered_map<int32_t, LabelIndex::Count> LabelIndex::CountHosts(int64_t now_slot) const {
  std::unordered_map<int32_t, Count> out;
  for (const Host& host : hosts_) out[host.id].series = host.series.size();
  for (const auto& [slot, fresh] : new_by_slot_) {
    for (const auto& [host, count] : fresh.hosts) {
      Count& one = out[hosts_[host].id];
      if (slot > now_slot - kSlotsCounted) one.new_last_day += count;
      if (slot >= now_slot - kSlotsPerHour) one.new_last_hour += count;
    }
  }
  return out;
}

std::vector<api::MetricConflict> LabelIndex::Conflicts() const {
  std::vector<api::MetricConflict> out;
  const uint32_t metric = FindName(kMetricLabel);
  if (metric == kNone) return out;
  for (const uint32_t pair : names_[metric].pairs) {
    std::map<std::pair<uint32_t, uint8_t>, uint64_t> variants;
    std::pair<uint32_t, uint8_t> last{kNone, 0};
    uint64_t* count = nullptr;
    for (const uint32_t ordinal : pairs_[pair].series.items()) {
      const std::pair<uint32_t, uint8_t> variant{rows_[ordinal].unit, rows_[ordinal].kind};
      if (variant != last) count = &variants[variant];
      last = variant;
      *count += 1;
    }
    if (variants.size() < 2) continue;
    api::MetricConflict conflict{std::string(symbols_[pairs_[pair].value]), {}};
    for (const auto& [variant, series] : variants) {
      conflict.variants.push_back({std::string(symbols_[variant.first]),
                                   static_cast<shared::model::MetricKind>(variant.second), series});
    }
    out.push_back(std::move(conflict));
  }
  return out;
}

}  // namespace collector::storage
