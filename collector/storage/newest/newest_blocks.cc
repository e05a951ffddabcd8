#include "collector/storage/newest/newest_blocks.h"

#include <algorithm>
#include <mutex>

#include "shared/base/check.h"

namespace collector::storage::newest {
namespace {

constexpr size_t kMergeWidth = 4;
// A larger page costs a question about its last minute more than two smaller ones.
constexpr size_t kMaxTicks = 128;
constexpr size_t kBytesOfABlockTime = 64;  // a node of the set

bool CanMerge(std::span<const std::shared_ptr<const Page>> pages) {
  size_t ticks = 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    ticks += pages[i]->ticks();
    if (pages[i]->level != pages[0]->level) return false;
    if (i > 0 && pages[i - 1]->times_unix_nano.back() >= pages[i]->times_unix_nano.front()) {
      return false;
    }
  }
  return ticks <= kMaxTicks;
}

size_t BytesOf(const Page& page) {
  return page.bytes() + page.runs.size() * kBytesOfABlockTime;
}

}  // namespace

bool NewestBlocks::Has(int64_t layout_id, int64_t block_time_us) const {
  const std::shared_lock lock(mutex_);
  const auto found = layouts_.find(layout_id);
  return found != layouts_.end() && found->second.block_times_us.contains(block_time_us);
}

void NewestBlocks::Add(const std::shared_ptr<const LayoutIndex>& layout,
                       const shared::model::Block& block, int64_t block_time_us) {
  std::shared_ptr<const Page> page = builder_.FromBlock(block, block_time_us);
  std::vector<std::shared_ptr<const Page>> pages;
  if (const auto found = layouts_.find(layout->id); found != layouts_.end()) {
    pages = found->second.pages;
  }
  const auto place =
      std::upper_bound(pages.begin(), pages.end(), page, [](const auto& a, const auto& b) {
        return a->times_unix_nano.front() < b->times_unix_nano.front();
      });
  const auto at = static_cast<size_t>(place - pages.begin());
  pages.insert(place, std::move(page));
  pages = Merged(std::move(pages), at);

  const std::unique_lock lock(mutex_);
  Layout& entry = layouts_[layout->id];
  if (entry.index == nullptr) {
    entry.index = layout;
    layouts_of_host_[layout->host_id].insert(layout->id);
  }
  CHECK(entry.block_times_us.insert(block_time_us).second);
  for (const auto& old : entry.pages) usage_.bytes -= BytesOf(*old);
  for (const auto& now : pages) usage_.bytes += BytesOf(*now);
  usage_.pages += pages.size();
  usage_.pages -= entry.pages.size();
  usage_.blocks += 1;
  entry.pages.swap(pages);
}

// Pages around the new one at `at`, as long as four in a row can be merged.
std::vector<std::shared_ptr<const Page>> NewestBlocks::Merged(
    std::vector<std::shared_ptr<const Page>> pages, size_t at) {
  for (bool again = true; again;) {
    again = false;
    const size_t least = at + 1 >= kMergeWidth ? at + 1 - kMergeWidth : 0;
    for (size_t first = least; first <= at && first + kMergeWidth <= pages.size(); ++first) {
      const std::span run(pages.data() + first, kMergeWidth);
      if (!CanMerge(run)) continue;
      pages[first] = builder_.Merge(run);
      const auto begin = pages.begin() + static_cast<std::ptrdiff_t>(first) + 1;
      pages.erase(begin, begin + kMergeWidth - 1);
      at = first;
      again = true;
      break;
    }
  }
  return pages;
}

shared::WallTime NewestBlocks::KeepFrom(shared::WallTime from) {
  Drop(shared::ToUnixNanos(from));
  if (usage_.bytes <= max_bytes_) return from;
  // A tenth more than must go, so that the next block does not ask again.
  std::vector<std::pair<int64_t, size_t>> pages;  // (last tick, bytes)
  for (const auto& [id, layout] : layouts_) {
    for (const auto& page : layout.pages) {
      pages.emplace_back(page->times_unix_nano.back(), BytesOf(*page));
    }
  }
  std::sort(pages.begin(), pages.end());
  const size_t keep = max_bytes_ - max_bytes_ / 10;
  size_t left = usage_.bytes;
  for (const auto& [last_tick, bytes] : pages) {
    if (left <= keep) break;
    left -= bytes;
    from = std::chrono::ceil<std::chrono::seconds>(shared::FromUnixNanos(last_tick + 1));
  }
  Drop(shared::ToUnixNanos(from));
  return from;
}

void NewestBlocks::Drop(int64_t from_unix_nano) {
  const std::unique_lock lock(mutex_);
  if (complete_from_) {
    complete_from_ = std::max(*complete_from_, shared::FromUnixNanos(from_unix_nano));
  }
  for (auto entry = layouts_.begin(); entry != layouts_.end();) {
    Layout& layout = entry->second;
    std::erase_if(layout.pages, [&](const std::shared_ptr<const Page>& page) {
      if (page->times_unix_nano.back() >= from_unix_nano) return false;
      usage_.bytes -= BytesOf(*page);
      usage_.pages -= 1;
      usage_.blocks -= page->runs.size();
      for (const Page::Run& run : page->runs) layout.block_times_us.erase(run.block_time_us);
      return true;
    });
    if (!layout.pages.empty()) {
      ++entry;
      continue;
    }
    const auto host = layouts_of_host_.find(layout.index->host_id);
    host->second.erase(entry->first);
    if (host->second.empty()) layouts_of_host_.erase(host);
    entry = layouts_.erase(entry);
  }
}

void NewestBlocks::SetComplete(std::optional<shared::WallTime> from) {
  const std::unique_lock lock(mutex_);
  complete_from_ = from;
}

void NewestBlocks::Clear() {
  const std::unique_lock lock(mutex_);
  layouts_.clear();
  layouts_of_host_.clear();
  usage_ = {};
  complete_from_.reset();
}

std::optional<shared::WallTime> NewestBlocks::complete_from() const {
  const std::shared_lock lock(mutex_);
  return complete_from_;
}

std::optional<NewestBlocks::Found> NewestBlocks::Find(std::span<const int32_t> hosts,
                                                      shared::WallTime from,
                                                      shared::WallTime to) const {
  const std::shared_lock lock(mutex_);
  if (!complete_from_ || *complete_from_ >= to) return std::nullopt;
  Found out{std::max(from, *complete_from_), {}};
  const int64_t begin = shared::ToUnixNanos(out.from);
  const int64_t end = shared::ToUnixNanos(to);
  out.layouts.reserve(hosts.size());
  for (const int32_t host : hosts) {
    const auto layouts = layouts_of_host_.find(host);
    if (layouts == layouts_of_host_.end()) continue;
    for (const int64_t id : layouts->second) {
      const Layout& layout = layouts_.find(id)->second;
      Pages found{layout.index, {}};
      for (const auto& page : layout.pages) {
        if (page->times_unix_nano.back() < begin || page->times_unix_nano.front() >= end) continue;
        found.pages.push_back(page);
      }
      if (!found.pages.empty()) out.layouts.push_back(std::move(found));
    }
  }
  return out;
}

Usage NewestBlocks::usage() const {
  const std::shared_lock lock(mutex_);
  return usage_;
}

}  // namespace collector::storage::newest
