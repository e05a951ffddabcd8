#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <vector>

#include "collector/storage/layout_index.h"
#include "collector/storage/newest/page.h"
#include "shared/base/clock.h"

namespace collector::storage::newest {

// What the newest minutes take.
struct Usage {
  size_t bytes = 0;
  size_t blocks = 0;
  size_t pages = 0;
};

// The newest blocks of all hosts, in memory, by series. Since `complete_from()`, and as of the
// newest call of SetComplete, it holds every sample that L0 holds, or says that it does not
// (nullopt). Four pages of a layout that follow each other are merged into one, and four of those
// again, so that an hour of a series is about a dozen columns. One thread adds, any
// number read.
class NewestBlocks {
 public:
  explicit NewestBlocks(size_t max_bytes) : max_bytes_(max_bytes) {}

  // ---- whoever follows L0: one thread at a time ----
  [[nodiscard]] bool Has(int64_t layout_id, int64_t block_time_us) const;
  // A block that is not in yet (CHECK).
  void Add(const std::shared_ptr<const LayoutIndex>& layout, const shared::model::Block& block,
           int64_t block_time_us);
  // Forgets what ended before `from`, and more of the oldest while it is too large: returns from
  // when on all that was added is kept.
  shared::WallTime KeepFrom(shared::WallTime from);
  // All of L0 since `from` is in. nullopt: not, do not answer from here.
  void SetComplete(std::optional<shared::WallTime> from);
  void Clear();

  // ---- readers ----
  [[nodiscard]] std::optional<shared::WallTime> complete_from() const;
  // A host's layout and its pages, in order of their first ticks.
  struct Pages {
    std::shared_ptr<const LayoutIndex> layout;
    std::vector<std::shared_ptr<const Page>> pages;
  };
  struct Found {
    shared::WallTime from;  // everything from here to the end of the question is in `layouts`
    std::vector<Pages> layouts;
  };
  // Pages with ticks in from <= t < to; nullopt: nothing of that time can be answered from here.
  [[nodiscard]] std::optional<Found> Find(std::span<const int32_t> hosts, shared::WallTime from,
                                          shared::WallTime to) const;
  [[nodiscard]] Usage usage() const;

 private:
  struct Layout {
    std::shared_ptr<const LayoutIndex> index;
    std::vector<std::shared_ptr<const Page>> pages;  // by first tick
    std::set<int64_t> block_times_us;                // of all blocks in pages
  };
  std::vector<std::shared_ptr<const Page>> Merged(std::vector<std::shared_ptr<const Page>> pages,
                                                  size_t at);
  void Drop(int64_t from_unix_nano);

  const size_t max_bytes_;
  PageBuilder builder_;  // of who follows
  mutable std::shared_mutex mutex_;
  // Changed under mutex_; who follows may read them without it:
  std::map<int64_t, Layout> layouts_;  // by id; each has a page
  std::map<int32_t, std::set<int64_t>> layouts_of_host_;
  Usage usage_;
  std::optional<shared::WallTime> complete_from_;
};

}  // namespace collector::storage::newest
