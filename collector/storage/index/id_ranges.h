#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "shared/base/clock.h"

namespace collector::storage {

// Which ids of a sequence may still turn up. Ids are handed out in order but committed in any: what
// is missing below the newest may be in a transaction under way, and is asked for again until it is
// older than any transaction of ours can be; what never comes was rolled back.
class IdRanges {
 public:
  static constexpr int64_t kNoEnd = INT64_MAX;
  static constexpr size_t kMostGaps = 1000;  // of more, the oldest are given up

  // An id was read. One that is known already changes nothing.
  void Saw(int64_t id, shared::MonotonicTime now) {
    if (id > newest_) {
      if (id > newest_ + 1) gaps_[newest_ + 1] = {id - 1, now};
      newest_ = id;
      while (gaps_.size() > kMostGaps) gaps_.erase(gaps_.begin());
      return;
    }
    auto gap = gaps_.upper_bound(id);
    if (gap == gaps_.begin()) return;
    gap = std::prev(gap);
    if (gap->second.last < id) return;
    const auto [first, rest] = *gap;
    gaps_.erase(gap);
    if (first < id) gaps_[first] = {id - 1, rest.since};
    if (id < rest.last) gaps_[id + 1] = rest;
  }
  // Gives up what was missing before `time`.
  void GiveUp(shared::MonotonicTime time) {
    std::erase_if(gaps_, [&](const auto& gap) { return gap.second.since < time; });
  }
  // First and last of each range to ask for, ascending; the last one has no end.
  [[nodiscard]] std::vector<std::pair<int64_t, int64_t>> ToAsk() const {
    std::vector<std::pair<int64_t, int64_t>> out;
    for (const auto& [first, gap] : gaps_) out.emplace_back(first, gap.last);
    out.emplace_back(newest_ + 1, kNoEnd);
    return out;
  }

 private:
  struct Gap {
    int64_t last = 0;
    shared::MonotonicTime since;
  };
  int64_t newest_ = 0;
  std::map<int64_t, Gap> gaps_;  // by first id
};

}  // namespace collector::storage
