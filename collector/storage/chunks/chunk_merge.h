#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "collector/storage/chunks/chunk_codec.h"

namespace collector::storage {

// A chunk holds at most so many values; an honest hour of 16 series at 10 Hz has 576,000.
inline constexpr size_t kMaxChunkValues = size_t{4} << 20;

// Where a sample came from, for the count of duplicates; the caller's numbering.
inline constexpr size_t kMergeSources = 8;

// What one block or chunk group knows of a family. A view: what it names must outlive the merge.
struct FamilyPart {
  std::span<const int64_t> times;                     // ascending, each instant once
  std::array<const double*, kFamilySeries> values{};  // by ord; null: not in it
  FamilyMembers members = 0;                          // whose values are not null
  uint8_t source = 0;                                 // below kMergeSources
};

struct MergeCounts {
  uint64_t samples = 0;  // stale markers are none
  // Values that were left out because an earlier part has another one for that series and time.
  std::array<uint64_t, kMergeSources> duplicates{};
  uint64_t left_out = 0;  // above kMaxChunkValues: the newest ones
  int64_t first_time = 0;
  int64_t last_time = 0;
};

// Makes one chunk of many parts. Of two values for one series and time the one of the earlier part
// wins; the same value again is nothing; a stale marker yields to any value. One per thread: it
// reuses its buffers.
class ChunkMerger {
 public:
  // `parts` is not empty and by priority; it is left in another order. `groups` gets what
  // ChunkEncoder takes.
  MergeCounts Merge(std::vector<FamilyPart>& parts, std::vector<ChunkGroup>& groups);

 private:
  struct Sample {
    int64_t time;
    double value;
    uint8_t source;
  };
  struct Series {
    std::vector<int64_t> times;
    std::vector<double> values;
  };
  // The usual case: parts that follow each other. False: they do not, or would make many groups.
  bool Concatenate(std::vector<FamilyPart>& parts, std::vector<ChunkGroup>& groups);
  void MergeSeries(std::span<const FamilyPart> parts, size_t ord, MergeCounts& counts);
  void GroupSeries(std::vector<ChunkGroup>& groups);
  // The next group to fill, its buffers kept.
  ChunkGroup& NextGroup(std::vector<ChunkGroup>& groups);

  size_t group_count_ = 0;
  std::vector<FamilyPart> by_time_;
  std::vector<Sample> samples_;
  std::array<Series, kFamilySeries> series_;
};

}  // namespace collector::storage
