#include "collector/storage/layout_index.h"

#include <algorithm>
#include <mutex>

namespace collector::storage {
namespace {

// Above it all are forgotten, and those still in use are met again: 64 MB.
constexpr size_t kMaxSeries = 4'000'000;

}  // namespace

LayoutIndex::LayoutIndex(int64_t layout_id, int32_t layout_host_id,
                         std::span<const int64_t> series_ids)
    : id(layout_id), host_id(layout_host_id), series(static_cast<uint32_t>(series_ids.size())) {
  positions.reserve(series_ids.size());
  for (uint32_t i = 0; i < series; ++i) positions.emplace_back(series_ids[i], i);
  std::sort(positions.begin(), positions.end());
}

std::optional<uint32_t> LayoutIndex::PositionOf(int64_t series_id) const {
  const auto found = std::lower_bound(positions.begin(), positions.end(),
                                      std::pair<int64_t, uint32_t>(series_id, 0));
  if (found == positions.end() || found->first != series_id) return std::nullopt;
  return found->second;
}

std::shared_ptr<const LayoutIndex> LayoutIndexes::Find(int64_t id) const {
  const std::shared_lock lock(mutex_);
  const auto found = layouts_.find(id);
  return found == layouts_.end() ? nullptr : found->second;
}

void LayoutIndexes::Add(std::shared_ptr<const LayoutIndex> layout) {
  const std::unique_lock lock(mutex_);
  if (series_ > kMaxSeries) {
    layouts_.clear();
    series_ = 0;
  }
  series_ += layout->series;
  layouts_.insert_or_assign(layout->id, std::move(layout));
}

}  // namespace collector::storage
