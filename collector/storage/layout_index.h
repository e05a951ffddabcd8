#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <utility>
#include <vector>

namespace collector::storage {

// A layout, by series: where each stands in the layout's blocks.
struct LayoutIndex {
  LayoutIndex(int64_t layout_id, int32_t layout_host_id, std::span<const int64_t> series_ids);

  int64_t id = 0;
  int32_t host_id = 0;
  uint32_t series = 0;
  std::vector<std::pair<int64_t, uint32_t>> positions;  // (series id, position), by series id

  [[nodiscard]] std::optional<uint32_t> PositionOf(int64_t series_id) const;
};

// The layouts that readers met. What a layout holds never changes, so nothing here grows old.
// Thread-safe.
class LayoutIndexes {
 public:
  // nullptr: not met yet.
  [[nodiscard]] std::shared_ptr<const LayoutIndex> Find(int64_t id) const;
  void Add(std::shared_ptr<const LayoutIndex> layout);

 private:
  mutable std::shared_mutex mutex_;
  std::map<int64_t, std::shared_ptr<const LayoutIndex>> layouts_;
  size_t series_ = 0;  // in all of them
};

}  // namespace collector::storage
