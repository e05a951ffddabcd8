#include "collector/storage/chunks/family_plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "collector/storage/chunks/chunk_codec.h"

namespace collector::storage {
namespace {

// Collects growth by family.
class Grower {
 public:
  explicit Grower(std::vector<OpenFamily> open) : open_(std::move(open)) {}

  // Those of `ids` that find no room in families of the metric.
  std::span<const int64_t> Place(const std::string& metric, std::span<const int64_t> ids) {
    for (OpenFamily& family : open_) {
      const auto& metrics = family.metrics;
      if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) continue;
      const size_t count = std::min(ids.size(), kFamilySeries - family.size);
      Append(family, ids.first(count));
      ids = ids.subspan(count);
    }
    return ids;
  }
  // All of them into one family, the newest that has room. False: none has.
  bool PlaceAnywhere(std::span<const int64_t> ids) {
    for (auto family = open_.rbegin(); family != open_.rend(); ++family) {
      if (family->size + ids.size() > kFamilySeries) continue;
      Append(*family, ids);
      return true;
    }
    return false;
  }
  [[nodiscard]] std::vector<FamilyPlan::Growth> Take() const {
    std::vector<FamilyPlan::Growth> out;
    for (const auto& [family, ids] : grown_) out.push_back({family, ids});
    return out;
  }

 private:
  void Append(OpenFamily& family, std::span<const int64_t> ids) {
    if (ids.empty()) return;
    auto& grown = grown_[family.id];
    grown.insert(grown.end(), ids.begin(), ids.end());
    family.size += ids.size();
  }

  std::vector<OpenFamily> open_;
  std::map<int64_t, std::vector<int64_t>> grown_;
};

// Equal parts, none above a family's places.
void Cut(std::span<const int64_t> ids, std::vector<std::vector<int64_t>>& parts) {
  const size_t count = (ids.size() + kFamilySeries - 1) / kFamilySeries;
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = ids.size() * i / count;
    const size_t end = ids.size() * (i + 1) / count;
    parts.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                       ids.begin() + static_cast<std::ptrdiff_t>(end));
  }
}

}  // namespace

FamilyPlan PlanFamilies(std::span<const LooseSeries> loose, std::vector<OpenFamily> open) {
  Grower grower(std::move(open));
  std::vector<std::vector<int64_t>> parts;
  for (size_t begin = 0; begin < loose.size();) {
    std::vector<int64_t> ids;
    size_t end = begin;
    while (end < loose.size() && loose[end].metric == loose[begin].metric) {
      ids.push_back(loose[end++].id);
    }
    Cut(grower.Place(loose[begin].metric, ids), parts);
    begin = end;
  }
  FamilyPlan plan;
  for (std::vector<int64_t>& part : parts) {
    if (!plan.made.empty() && plan.made.back().size() + part.size() <= kFamilySeries) {
      plan.made.back().insert(plan.made.back().end(), part.begin(), part.end());
    } else {
      plan.made.push_back(std::move(part));
    }
  }
  if (!plan.made.empty() && plan.made.back().size() < kFamilySeries / 2 &&
      grower.PlaceAnywhere(plan.made.back())) {
    plan.made.pop_back();
  }
  plan.grown = grower.Take();
  return plan;
}

}  // namespace collector::storage
