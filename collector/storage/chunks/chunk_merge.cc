#include "collector/storage/chunks/chunk_merge.h"

#include <algorithm>
#include <bit>

#include "shared/base/check.h"

namespace collector::storage {
namespace {

// More runs of parts than this are grouped anew, series by series.
constexpr size_t kMostRuns = 4;

bool IsStale(double value) {
  return std::bit_cast<uint64_t>(value) == shared::model::kStaleBits;
}

bool SameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool Has(FamilyMembers members, size_t ord) {
  return (members >> ord & 1u) != 0;
}

// Counts what is in `groups`, and takes away the last ones when there is too much.
void Count(std::vector<ChunkGroup>& groups, MergeCounts& counts) {
  size_t values = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const shared::model::Block& block = groups[i].block;
    values += block.values.size();
    if (values > kMaxChunkValues || i >= kMaxChunkGroups) {
      for (size_t j = i; j < groups.size(); ++j) counts.left_out += groups[j].block.values.size();
      groups.resize(i);
      break;
    }
    for (const double value : block.values) counts.samples += IsStale(value) ? 0 : 1;
    const auto& times = block.times_unix_nano;
    counts.first_time = i == 0 ? times.front() : std::min(counts.first_time, times.front());
    counts.last_time = i == 0 ? times.back() : std::max(counts.last_time, times.back());
  }
}

}  // namespace

MergeCounts ChunkMerger::Merge(std::vector<FamilyPart>& parts, std::vector<ChunkGroup>& groups) {
  CHECK(!parts.empty());
  MergeCounts counts;
  group_count_ = 0;
  if (!Concatenate(parts, groups)) {
    for (size_t ord = 0; ord < kFamilySeries; ++ord) MergeSeries(parts, ord, counts);
    group_count_ = 0;
    GroupSeries(groups);
  }
  groups.resize(group_count_);
  Count(groups, counts);
  return counts;
}

ChunkGroup& ChunkMerger::NextGroup(std::vector<ChunkGroup>& groups) {
  if (groups.size() <= group_count_) groups.emplace_back();
  ChunkGroup& group = groups[group_count_++];
  group.block.times_unix_nano.clear();
  group.block.values.clear();
  return group;
}

bool ChunkMerger::Concatenate(std::vector<FamilyPart>& parts, std::vector<ChunkGroup>& groups) {
  by_time_ = parts;
  std::sort(by_time_.begin(), by_time_.end(), [](const FamilyPart& a, const FamilyPart& b) {
    return a.times.front() < b.times.front();
  });
  size_t runs = 1;
  for (size_t i = 1; i < by_time_.size(); ++i) {
    if (by_time_[i].times.front() <= by_time_[i - 1].times.back()) return false;
    runs += by_time_[i].members != by_time_[i - 1].members ? 1 : 0;
  }
  if (runs > kMostRuns) return false;
  for (size_t begin = 0; begin < by_time_.size();) {
    size_t end = begin;
    size_t ticks = 0;
    const FamilyMembers members = by_time_[begin].members;
    while (end < by_time_.size() && by_time_[end].members == members &&
           (end == begin || ticks + by_time_[end].times.size() <= kMaxGroupTicks)) {
      ticks += by_time_[end++].times.size();
    }
    ChunkGroup& group = NextGroup(groups);
    group.members = members;
    group.block.series = static_cast<uint32_t>(std::popcount(members));
    group.block.values.reserve(ticks * group.block.series);
    const std::span run(by_time_.data() + begin, end - begin);
    for (const FamilyPart& part : run) {
      group.block.times_unix_nano.insert(group.block.times_unix_nano.end(), part.times.begin(),
                                         part.times.end());
    }
    for (size_t ord = 0; ord < kFamilySeries; ++ord) {
      if (!Has(members, ord)) continue;
      for (const FamilyPart& part : run) {
        group.block.values.insert(group.block.values.end(), part.values[ord],
                                  part.values[ord] + part.times.size());
      }
    }
    begin = end;
  }
  return true;
}

// One series of all parts into series_[ord], by time.
void ChunkMerger::MergeSeries(std::span<const FamilyPart> parts, size_t ord, MergeCounts& counts) {
  Series& out = series_[ord];
  out.times.clear();
  out.values.clear();
  samples_.clear();
  for (const FamilyPart& part : parts) {
    if (!Has(part.members, ord)) continue;
    for (size_t i = 0; i < part.times.size(); ++i) {
      samples_.push_back({part.times[i], part.values[ord][i], part.source});
    }
  }
  // Stable: of the same instant the earlier part stays in front.
  std::stable_sort(samples_.begin(), samples_.end(),
                   [](const Sample& a, const Sample& b) { return a.time < b.time; });
  for (const Sample& sample : samples_) {
    if (out.times.empty() || out.times.back() != sample.time) {
      out.times.push_back(sample.time);
      out.values.push_back(sample.value);
    } else if (IsStale(out.values.back())) {
      out.values.back() = sample.value;
    } else if (!IsStale(sample.value) && !SameBits(out.values.back(), sample.value)) {
      counts.duplicates[sample.source] += 1;
    }
  }
}

// Series with the same times share groups, of kMaxGroupTicks at most.
void ChunkMerger::GroupSeries(std::vector<ChunkGroup>& groups) {
  FamilyMembers done = 0;
  for (size_t first = 0; first < kFamilySeries; ++first) {
    const std::vector<int64_t>& times = series_[first].times;
    if (times.empty() || Has(done, first)) continue;
    FamilyMembers members = 0;
    for (size_t ord = first; ord < kFamilySeries; ++ord) {
      if (series_[ord].times == times) members |= static_cast<FamilyMembers>(1u << ord);
    }
    done |= members;
    for (size_t begin = 0; begin < times.size(); begin += kMaxGroupTicks) {
      const size_t ticks = std::min(kMaxGroupTicks, times.size() - begin);
      const auto offset = static_cast<std::ptrdiff_t>(begin);
      const auto end = offset + static_cast<std::ptrdiff_t>(ticks);
      ChunkGroup& group = NextGroup(groups);
      group.members = members;
      group.block.series = static_cast<uint32_t>(std::popcount(members));
      group.block.times_unix_nano.assign(times.begin() + offset, times.begin() + end);
      for (size_t ord = first; ord < kFamilySeries; ++ord) {
        if (!Has(members, ord)) continue;
        const std::vector<double>& values = series_[ord].values;
        group.block.values.insert(group.block.values.end(), values.begin() + offset,
                                  values.begin() + end);
      }
    }
  }
}

}  // namespace collector::storage
