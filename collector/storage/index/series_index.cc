#include "collector/storage/index/series_index.h"

#include <algorithm>
#include <set>

#include "shared/base/check.h"

namespace collector::storage {
namespace {

using Counts = LabelIndex::Counts;

std::vector<std::string> SortedStrings(const std::set<std::string_view>& sorted, size_t limit) {
  std::vector<std::string> out;
  for (const std::string_view one : sorted) {
    if (out.size() == limit) break;
    out.emplace_back(one);
  }
  return out;
}

// The first `top` by `key`, largest first, then by name; none with zero.
template <typename Key>
std::vector<api::SeriesCount> Top(const std::vector<api::SeriesCount>& counts, size_t top,
                                  Key key) {
  std::vector<api::SeriesCount> out;
  for (const api::SeriesCount& one : counts) {
    if (key(one) > 0) out.push_back(one);
  }
  std::sort(out.begin(), out.end(), [&](const api::SeriesCount& a, const api::SeriesCount& b) {
    return key(a) != key(b) ? key(a) > key(b) : a.name < b.name;
  });
  if (out.size() > top) out.resize(top);
  return out;
}

std::vector<api::SeriesCount> ToRows(const Counts& counts) {
  std::vector<api::SeriesCount> out;
  out.reserve(counts.size());
  for (const auto& [name, count] : counts) {
    out.push_back(
        {std::string(name), count.series, count.new_last_hour, count.new_last_day, count.values});
  }
  return out;
}

}  // namespace

int64_t SlotOf(shared::WallTime time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count() / 10;
}

void SeriesIndex::SetHost(int32_t tenant, int32_t id, std::string_view name, std::string_view key) {
  std::unique_ptr<Tenant>& known = tenants_[tenant];
  if (known == nullptr) known = std::make_unique<Tenant>();
  known->lately.SetHost(id, name, key);
  known->dead.SetHost(id, name, key);
  tenant_of_host_[id] = tenant;
  host_names_[id] = name;
}

bool SeriesIndex::Add(const SeriesEntry& series) {
  const auto host = tenant_of_host_.find(series.host_id);
  CHECK(host != tenant_of_host_.end());
  Tenant& tenant = *tenants_.at(host->second);
  const bool alive = series.last_day >= lately_;
  if ((alive ? tenant.dead : tenant.lately).Find(series.id) != LabelIndex::kNone) return false;
  return (alive ? tenant.lately : tenant.dead).Add(series);
}

void SeriesIndex::Touch(int32_t host_id, int64_t id, Day day) {
  const auto host = tenant_of_host_.find(host_id);
  if (host == tenant_of_host_.end()) return;
  Tenant& tenant = *tenants_.at(host->second);
  if (tenant.lately.Touch(id, day)) return;
  const uint32_t ordinal = tenant.dead.Find(id);
  if (ordinal == LabelIndex::kNone) return;
  if (day < lately_) {
    tenant.dead.Touch(id, day);
    return;
  }
  shared::model::Labels labels;
  SeriesEntry entry = tenant.dead.Entry(ordinal, labels);
  entry.last_day = day;
  if (tenant.lately.Add(entry)) tenant.dead.Hide(id);
}

template <typename Use>
void SeriesIndex::ForEachIndex(int32_t tenant, const SeriesFilter& filter, Use use) const {
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return;
  for (const LabelIndex* index : {&found->second->lately, &found->second->dead}) {
    if (index->size() == 0 || index->newest_day() < filter.from) continue;
    std::vector<uint32_t> ordinals = index->Select(filter);
    if (!ordinals.empty()) use(*index, ordinals);
  }
}

std::vector<api::SeriesRow> SeriesIndex::Select(int32_t tenant, const SeriesFilter& filter,
                                                size_t limit) const {
  struct Found {
    const LabelIndex* index;
    uint32_t ordinal;
  };
  std::vector<Found> found;
  ForEachIndex(tenant, filter, [&](const LabelIndex& index, auto& ordinals) {
    index.KeepFirstMetrics(limit, ordinals);
    for (const uint32_t one : ordinals) found.push_back({&index, one});
  });
  const size_t taken = std::min(limit, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(taken), found.end(),
                    [](const Found& a, const Found& b) {
                      return a.index->Before(a.ordinal, *b.index, b.ordinal);
                    });
  std::vector<api::SeriesRow> out;
  out.reserve(taken);
  for (size_t i = 0; i < taken; ++i) out.push_back(found[i].index->Row(found[i].ordinal));
  return out;
}

std::vector<std::string> SeriesIndex::LabelNames(int32_t tenant, const SeriesFilter& filter,
                                                 size_t limit) const {
  std::set<std::string_view> names;
  ForEachIndex(tenant, filter, [&](const LabelIndex& index, const auto& ordinals) {
    for (const std::string_view name : index.NamesOf(ordinals)) names.insert(name);
  });
  return SortedStrings(names, limit);
}

std::vector<std::string> SeriesIndex::LabelValues(int32_t tenant, const std::string& name,
                                                  const SeriesFilter& filter, size_t limit) const {
  std::set<std::string_view> values;
  ForEachIndex(tenant, filter, [&](const LabelIndex& index, const auto& ordinals) {
    for (const std::string_view value : index.ValuesOf(name, ordinals)) {
      if (!value.empty()) values.insert(value);
    }
  });
  return SortedStrings(values, limit);
}

api::Cardinality SeriesIndex::Count(int32_t tenant, shared::WallTime now, size_t top) const {
  api::Cardinality out;
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return out;
  const LabelIndex& index = found->second->lately;
  const int64_t slot = SlotOf(now);
  out.series = index.size();
  const std::vector<api::SeriesCount> metrics = ToRows(index.CountMetrics(slot));
  const auto by_series = [](const api::SeriesCount& one) { return one.series; };
  out.metrics = Top(metrics, top, by_series);
  out.new_metrics = Top(metrics, top, [](const auto& one) { return one.new_last_hour; });
  out.labels =
      Top(ToRows(index.CountLabels(slot)), top, [](const auto& one) { return one.values; });
  std::vector<api::SeriesCount> hosts;
  for (const auto& [id, count] : index.CountHosts(slot)) {
    hosts.push_back({host_names_.at(id), count.series, count.new_last_hour, count.new_last_day, 0});
  }
  out.hosts = Top(hosts, top, by_series);
  out.conflicts = index.Conflicts();
  if (out.conflicts.size() > top) out.conflicts.resize(top);
  return out;
}

size_t SeriesIndex::size() const {
  size_t out = 0;
  for (const auto& [id, tenant] : tenants_) out += tenant->lately.size() + tenant->dead.size();
  return out;
}

size_t SeriesIndex::bytes() const {
  size_t out = 0;
  for (const auto& [id, tenant] : tenants_) out += tenant->lately.bytes() + tenant->dead.bytes();
  return out;
}

}  // namespace collector::storage
