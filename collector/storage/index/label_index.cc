#include "collector/storage/index/label_index.h"

#include <algorithm>

#include "shared/base/check.h"

namespace collector::storage {
namespace {

uint64_t PairHash(uint32_t name, uint32_t value) {
  return (uint64_t{name} << 32) | value;
}

template <typename T>
size_t BytesOf(const std::vector<T>& items) {
  return items.capacity() * sizeof(T);
}

}  // namespace

void LabelIndex::SetHost(int32_t id, std::string_view name, std::string_view key) {
  const auto [known, added] = host_ordinals_.emplace(id, static_cast<uint32_t>(hosts_.size()));
  if (added) hosts_.push_back({id, {}, {}, {}});
  hosts_[known->second].name = name;
  hosts_[known->second].key = key;
}

bool LabelIndex::Add(const SeriesEntry& series) {
  if (Find(series.id) != kNone) return false;
  const auto host = host_ordinals_.find(series.host_id);
  CHECK(host != host_ordinals_.end());
  const auto ordinal = static_cast<uint32_t>(rows_.size());
  Row32 row;
  row.id = series.id;
  row.host = host->second;
  row.first_pair = static_cast<uint32_t>(row_pairs_.size());
  row.unit = symbols_.Add(series.unit);
  row.first_day = series.first_day;
  row.last_day = series.last_day;
  row.kind = static_cast<uint8_t>(series.kind);
  row.metric = AddPair(AddName(kMetricLabel), series.metric);
  row_pairs_.push_back(row.metric);
  for (const shared::model::Label& label : series.labels) {
    if (label.name == kMetricLabel) continue;  // that is the metric's
    row_pairs_.push_back(AddPair(AddName(label.name), label.value));
  }
  row.pairs = static_cast<uint16_t>(row_pairs_.size() - row.first_pair);
  rows_.push_back(row);
  for (const uint32_t pair : PairsOf(ordinal)) pairs_[pair].series.Add(ordinal);
  hosts_[row.host].series.Add(ordinal);
  id_table_.Insert(static_cast<uint64_t>(series.id), ordinal,
                   [&](uint32_t one) { return static_cast<uint64_t>(rows_[one].id); });
  newest_day_ = std::max(newest_day_, series.last_day);
  CountNew(series, row);
  return true;
}

bool LabelIndex::Touch(int64_t id, Day day) {
  const uint32_t ordinal = Find(id);
  if (ordinal == kNone || rows_[ordinal].hidden) return false;
  rows_[ordinal].last_day = std::max(rows_[ordinal].last_day, day);
  newest_day_ = std::max(newest_day_, day);
  return true;
}

void LabelIndex::Hide(int64_t id) {
  const uint32_t ordinal = Find(id);
  if (ordinal != kNone) rows_[ordinal].hidden = true;
}

uint32_t LabelIndex::Find(int64_t id) const {
  return id_table_.Find(static_cast<uint64_t>(id),
                        [&](uint32_t one) { return rows_[one].id == id; });
}

uint32_t LabelIndex::AddName(std::string_view name) {
  const uint32_t symbol = symbols_.Add(name);
  const uint32_t known =
      name_table_.Find(symbol, [&](uint32_t one) { return names_[one].symbol == symbol; });
  if (known != kNone) return known;
  const auto ordinal = static_cast<uint32_t>(names_.size());
  names_.push_back({symbol, {}});
  name_table_.Insert(symbol, ordinal, [&](uint32_t one) { return uint64_t{names_[one].symbol}; });
  return ordinal;
}

uint32_t LabelIndex::AddPair(uint32_t name, std::string_view value) {
  const uint32_t symbol = symbols_.Add(value);
  const uint64_t hash = PairHash(name, symbol);
  const uint32_t known = pair_table_.Find(
      hash, [&](uint32_t one) { return pairs_[one].name == name && pairs_[one].value == symbol; });
  if (known != kNone) return known;
  const auto ordinal = static_cast<uint32_t>(pairs_.size());
  pairs_.push_back({name, symbol, {}});
  names_[name].pairs.push_back(ordinal);
  pair_table_.Insert(hash, ordinal,
                     [&](uint32_t one) { return PairHash(pairs_[one].name, pairs_[one].value); });
  return ordinal;
}

uint32_t LabelIndex::FindName(std::string_view name) const {
  const uint32_t symbol = symbols_.Find(name);
  if (symbol == kNone) return kNone;
  return name_table_.Find(symbol, [&](uint32_t one) { return names_[one].symbol == symbol; });
}

uint32_t LabelIndex::FindPair(uint32_t name, std::string_view value) const {
  const uint32_t symbol = symbols_.Find(value);
  if (symbol == kNone) return kNone;
  return pair_table_.Find(PairHash(name, symbol), [&](uint32_t one) {
    return pairs_[one].name == name && pairs_[one].value == symbol;
  });
}

std::span<const uint32_t> LabelIndex::PairsOf(uint32_t ordinal) const {
  const Row32& row = rows_[ordinal];
  return std::span(row_pairs_).subspan(row.first_pair, row.pairs);
}

std::string_view LabelIndex::MetricOf(uint32_t ordinal) const {
  return symbols_[pairs_[rows_[ordinal].metric].value];
}

SeriesEntry LabelIndex::Entry(uint32_t ordinal, shared::model::Labels& labels) const {
  const Row32& row = rows_[ordinal];
  labels.clear();
  labels.reserve(row.pairs - 1u);
  for (const uint32_t pair : PairsOf(ordinal).subspan(1)) {
    labels.push_back({std::string(symbols_[names_[pairs_[pair].name].symbol]),
                      std::string(symbols_[pairs_[pair].value])});
  }
  return {row.id,
          hosts_[row.host].id,
          MetricOf(ordinal),
          symbols_[row.unit],
          static_cast<shared::model::MetricKind>(row.kind),
          labels,
          row.first_day,
          row.last_day,
          int64_t{row.first_day} * kSlotsCounted};
}

api::SeriesRow LabelIndex::Row(uint32_t ordinal) const {
  api::SeriesRow out;
  const SeriesEntry entry = Entry(ordinal, out.labels);
  out.id = entry.id;
  out.host_id = entry.host_id;
  out.host_name = hosts_[rows_[ordinal].host].name;
  out.name = entry.metric;
  out.unit = entry.unit;
  out.kind = entry.kind;
  return out;
}

bool LabelIndex::Before(uint32_t a, const LabelIndex& other, uint32_t b) const {
  const Row32& left = rows_[a];
  const Row32& right = other.rows_[b];
  const bool same_index = this == &other;
  if (!same_index || left.metric != right.metric) {
    const int order = MetricOf(a).compare(other.MetricOf(b));
    if (order != 0) return order < 0;
  }
  if (!same_index || left.host != right.host) {
    const int order = hosts_[left.host].name.compare(other.hosts_[right.host].name);
    if (order != 0) return order < 0;
  }
  return left.id < right.id;
}

std::vector<std::string_view> LabelIndex::NamesOf(std::span<const uint32_t> ordinals) const {
  std::vector<std::string_view> out;
  if (ordinals.empty()) return out;
  std::vector<bool> seen(names_.size());
  for (const uint32_t ordinal : ordinals) {
    for (const uint32_t pair : PairsOf(ordinal)) seen[pairs_[pair].name] = true;
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) out.push_back(symbols_[names_[i].symbol]);
  }
  out.push_back(kHostLabel);
  return out;
}

std::vector<std::string_view> LabelIndex::ValuesOf(std::string_view name,
                                                   std::span<const uint32_t> ordinals) const {
  std::vector<std::string_view> out;
  if (name == "host" || name == kHostLabel || name == kHostKeyLabel) {
    std::vector<bool> seen(hosts_.size());
    for (const uint32_t ordinal : ordinals) seen[rows_[ordinal].host] = true;
    for (size_t i = 0; i < seen.size(); ++i) {
      if (seen[i]) out.push_back(name == kHostKeyLabel ? hosts_[i].key : hosts_[i].name);
    }
    return out;
  }
  const uint32_t wanted = FindName(name);
  if (wanted == kNone) return out;
  std::vector<bool> seen(pairs_.size());
  for (const uint32_t ordinal : ordinals) {
    for (const uint32_t pair : PairsOf(ordinal)) {
      if (pairs_[pair].name != wanted) continue;
      if (!seen[pair]) out.push_back(symbols_[pairs_[pair].value]);
      seen[pair] = true;
      break;
    }
  }
  return out;
}

size_t LabelIndex::bytes() const {
  size_t out = symbols_.bytes() + BytesOf(names_) + BytesOf(pairs_) + BytesOf(hosts_) +
               BytesOf(rows_) + BytesOf(row_pairs_) + name_table_.bytes() + pair_table_.bytes() +
               id_table_.bytes();
  for (const Name& name : names_) out += BytesOf(name.pairs);
  for (const Pair& pair : pairs_) out += pair.series.bytes();
  for (const Host& host : hosts_) out += host.series.bytes() + host.name.size() + host.key.size();
  return out;
}

}  // namespace collector::storage
