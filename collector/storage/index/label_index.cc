#include "collector/storage/index/label_index.h"

#include <algorithm>
#include <set>

#include "shared/base/check.h"

namespace collector::storage {
namespace {

using Subject = SeriesFilter::Subject;
using Condition = SeriesFilter::Condition;

constexpr int64_t kSlotsPerHour = 6;
constexpr int64_t kSlotsCounted = 24 * kSlotsPerHour;

uint64_t PairHash(uint32_t name, uint32_t value) {
  return (uint64_t{name} << 32) | value;
}

// Both ascending. Gallops through the longer one.
std::vector<uint32_t> Intersect(std::span<const uint32_t> small, std::span<const uint32_t> large) {
  if (small.size() > large.size()) std::swap(small, large);
  std::vector<uint32_t> out;
  const uint32_t* from = large.data();
  const uint32_t* const end = from + large.size();
  for (const uint32_t wanted : small) {
    size_t step = 1;
    const uint32_t* to = from;
    while (to < end && *to < wanted) {
      from = to + 1;
      to = static_cast<size_t>(end - to) > step ? to + step : end;
      step *= 2;
    }
    from = std::lower_bound(from, to, wanted);
    if (from == end) break;
    if (*from == wanted) out.push_back(wanted);
  }
  return out;
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
  row_pairs_.push_back(AddPair(AddName(kMetricLabel), series.metric));
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

void LabelIndex::CountNew(const SeriesEntry& series, const Row32& row) {
  const int64_t newest = new_by_slot_.empty() ? series.first_slot : new_by_slot_.rbegin()->first;
  if (series.first_slot + kSlotsCounted < newest) return;
  NewSeries& slot = new_by_slot_[series.first_slot];
  slot.metrics[row_pairs_[row.first_pair]] += 1;
  slot.hosts[row.host] += 1;
  for (uint16_t i = 1; i < row.pairs; ++i) {
    slot.names[pairs_[row_pairs_[row.first_pair + i]].name] += 1;
  }
  while (new_by_slot_.begin()->first + kSlotsCounted < new_by_slot_.rbegin()->first) {
    new_by_slot_.erase(new_by_slot_.begin());
  }
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
  return symbols_[pairs_[row_pairs_[rows_[ordinal].first_pair]].value];
}

bool LabelIndex::HostPasses(const Condition& condition, const Host& host) {
  switch (condition.subject) {
    case Subject::kHostName:
      return condition.test.Accepts(host.name);
    case Subject::kHostKey:
      return condition.test.Accepts(host.key);
    case Subject::kHostNameOrKey:
      return condition.test.Accepts(host.name) || condition.test.Accepts(host.key);
    case Subject::kLabel:
      break;
  }
  return false;
}

size_t LabelIndex::ValuesToJudge(const Condition& condition) const {
  if (condition.subject != Subject::kLabel) return hosts_.size();
  if (!condition.test.literals().empty()) return 0;
  const uint32_t name = FindName(condition.name);
  return name == kNone ? 0 : names_[name].pairs.size();
}

LabelIndex::Ordinals LabelIndex::Union(const std::vector<const PostingList*>& lists) const {
  Ordinals out;
  if (lists.empty()) return out;
  if (lists.size() == 1) {
    const auto items = lists.front()->items();
    out.assign(items.begin(), items.end());
    return out;
  }
  size_t total = 0;
  for (const PostingList* list : lists) total += list->size();
  if (total < rows_.size() / 64) {
    out.reserve(total);
    for (const PostingList* list : lists) {
      const auto items = list->items();
      out.insert(out.end(), items.begin(), items.end());
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }
  std::vector<bool> in(rows_.size());
  for (const PostingList* list : lists) {
    for (const uint32_t one : list->items()) in[one] = true;
  }
  out.reserve(total);
  for (uint32_t i = 0; i < in.size(); ++i) {
    if (in[i]) out.push_back(i);
  }
  return out;
}

LabelIndex::Ordinals LabelIndex::ListPassing(const Condition& condition) const {
  std::vector<const PostingList*> lists;
  if (condition.subject != Subject::kLabel) {
    for (const Host& host : hosts_) {
      if (HostPasses(condition, host)) lists.push_back(&host.series);
    }
    return Union(lists);
  }
  const uint32_t name = FindName(condition.name);
  if (name == kNone) return {};
  if (!condition.test.literals().empty()) {
    for (const std::string& value : condition.test.literals()) {
      const uint32_t pair = FindPair(name, value);
      if (pair != kNone) lists.push_back(&pairs_[pair].series);
    }
    std::sort(lists.begin(), lists.end());
    lists.erase(std::unique(lists.begin(), lists.end()), lists.end());
    return Union(lists);
  }
  for (const uint32_t pair : names_[name].pairs) {
    if (condition.test.Accepts(symbols_[pairs_[pair].value])) lists.push_back(&pairs_[pair].series);
  }
  return Union(lists);
}

// Judges each value that a candidate has once.
void LabelIndex::Keep(const Condition& condition, Ordinals& candidates) const {
  enum Verdict : uint8_t { kUnknown, kPasses, kFails };
  if (condition.subject != Subject::kLabel) {
    std::vector<uint8_t> verdicts(hosts_.size(), kUnknown);
    std::erase_if(candidates, [&](uint32_t ordinal) {
      const uint32_t host = rows_[ordinal].host;
      if (verdicts[host] == kUnknown) {
        verdicts[host] = HostPasses(condition, hosts_[host]) ? kPasses : kFails;
      }
      return verdicts[host] == kFails;
    });
    return;
  }
  const uint32_t name = FindName(condition.name);
  const bool absent_fails = !condition.test.accepts_empty();
  if (name == kNone) {
    if (absent_fails) candidates.clear();
    return;
  }
  std::vector<uint8_t> verdicts(pairs_.size(), kUnknown);
  std::erase_if(candidates, [&](uint32_t ordinal) {
    for (const uint32_t pair : PairsOf(ordinal)) {
      if (pairs_[pair].name != name) continue;
      if (verdicts[pair] == kUnknown) {
        verdicts[pair] = condition.test.Accepts(symbols_[pairs_[pair].value]) ? kPasses : kFails;
      }
      return verdicts[pair] == kFails;
    }
    return absent_fails;
  });
}

LabelIndex::Ordinals LabelIndex::Select(const SeriesFilter& filter) const {
  std::vector<const Condition*> listed;    // their series can be looked up
  std::vector<const Condition*> patterns;  // values must be judged, and a series needs one
  std::vector<const Condition*> rest;
  for (const Condition& condition : filter.conditions) {
    if (condition.test.accepts_empty()) {
      rest.push_back(&condition);
    } else if (condition.test.literals().empty()) {
      patterns.push_back(&condition);
    } else {
      listed.push_back(&condition);
    }
  }
  if (listed.empty() && !patterns.empty()) {
    const auto fewest = std::min_element(patterns.begin(), patterns.end(),
                                         [&](const Condition* a, const Condition* b) {
                                           return ValuesToJudge(*a) < ValuesToJudge(*b);
                                         });
    listed.push_back(*fewest);
    patterns.erase(fewest);
  }
  rest.insert(rest.end(), patterns.begin(), patterns.end());
  Ordinals candidates;
  if (listed.empty()) {
    candidates.resize(rows_.size());
    for (uint32_t i = 0; i < candidates.size(); ++i) candidates[i] = i;
  } else {
    std::vector<Ordinals> lists;
    for (const Condition* condition : listed) lists.push_back(ListPassing(*condition));
    std::sort(lists.begin(), lists.end(),
              [](const Ordinals& a, const Ordinals& b) { return a.size() < b.size(); });
    candidates = std::move(lists.front());
    for (size_t i = 1; i < lists.size(); ++i) candidates = Intersect(candidates, lists[i]);
  }
  std::erase_if(candidates, [&](uint32_t ordinal) {
    const Row32& row = rows_[ordinal];
    return row.hidden || row.last_day < filter.from || row.first_day > filter.to;
  });
  for (const Condition* condition : rest) Keep(*condition, candidates);
  return candidates;
}

SeriesEntry LabelIndex::Entry(uint32_t ordinal, shared::model::Labels& labels) const {
  const Row32& row = rows_[ordinal];
  labels.clear();
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
  if (!same_index || row_pairs_[left.first_pair] != row_pairs_[right.first_pair]) {
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
