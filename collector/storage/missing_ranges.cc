#include "collector/storage/missing_ranges.h"

#include <algorithm>

namespace collector::storage {

void MissingRanges::Append(uint64_t first, uint64_t end) {
  if (first >= end) return;
  if (!ranges_.empty() && ranges_.back().end == first) {
    ranges_.back().end = end;
    return;
  }
  ranges_.push_back({first, end});
}

uint64_t MissingRanges::Remove(uint64_t first, uint64_t end) {
  if (ranges_.empty() || first >= end || first >= ranges_.back().end) return 0;
  uint64_t removed = 0;
  std::vector<Range> left;
  left.reserve(ranges_.size() + 1);
  for (const Range& range : ranges_) {
    const Range cut{std::max(range.first, first), std::min(range.end, end)};
    if (cut.first >= cut.end) {
      left.push_back(range);
      continue;
    }
    removed += cut.size();
    if (range.first < cut.first) left.push_back({range.first, cut.first});
    if (cut.end < range.end) left.push_back({cut.end, range.end});
  }
  ranges_ = std::move(left);
  return removed;
}

bool MissingRanges::Contains(uint64_t number) const {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), number,
                       [](uint64_t value, const Range& range) { return value < range.first; });
  return after != ranges_.begin() && number < std::prev(after)->end;
}

uint64_t MissingRanges::ForgetBeyond(size_t most) {
  if (ranges_.size() <= most) return 0;
  const auto kept = ranges_.end() - static_cast<std::ptrdiff_t>(most);
  uint64_t forgotten = 0;
  for (auto range = ranges_.begin(); range != kept; ++range) forgotten += range->size();
  ranges_.erase(ranges_.begin(), kept);
  return forgotten;
}

std::vector<int64_t> MissingRanges::Flat() const {
  std::vector<int64_t> flat;
  flat.reserve(ranges_.size() * 2);
  for (const Range& range : ranges_) {
    flat.push_back(static_cast<int64_t>(range.first));
    flat.push_back(static_cast<int64_t>(range.end));
  }
  return flat;
}

MissingRanges MissingRanges::FromFlat(std::span<const int64_t> flat) {
  MissingRanges out;
  for (size_t i = 0; i + 1 < flat.size(); i += 2) {
    const uint64_t lowest = out.empty() ? 0 : out.ranges_.back().end;
    if (flat[i] < 0 || flat[i] >= flat[i + 1] || static_cast<uint64_t>(flat[i]) < lowest) continue;
    out.Append(static_cast<uint64_t>(flat[i]), static_cast<uint64_t>(flat[i + 1]));
  }
  return out;
}

}  // namespace collector::storage
