#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/vmstat (proc_vmstat(5); kernel mm/vmstat.c): "pgfault 4509173", one counter
// a line, 100 to 200 lines. Counters that older kernels print for each zone ("pgscan_kswapd_dma32",
// before 4.8) or for each kind ("workingset_refault_anon", from 5.9) are summed. Pages, unless said
// otherwise. Absent counter: nullopt.
struct Vmstat {
  std::optional<uint64_t> faults;        // all, major ones included
  std::optional<uint64_t> major_faults;  // those that had to read
  std::optional<uint64_t> paged_in_kib;  // from block devices
  std::optional<uint64_t> paged_out_kib;
  std::optional<uint64_t> swapped_in;
  std::optional<uint64_t> swapped_out;
  std::optional<uint64_t> scanned_kswapd;
  std::optional<uint64_t> scanned_direct;
  std::optional<uint64_t> reclaimed_kswapd;
  std::optional<uint64_t> reclaimed_direct;
  std::optional<uint64_t> allocation_stalls;  // times that an allocation had to reclaim by itself
  std::optional<uint64_t> workingset_refaults;
  std::optional<uint64_t> oom_kills;  // Linux 4.13 and later
  std::optional<uint64_t> dirtied;
  std::optional<uint64_t> written;
  std::optional<uint64_t> compaction_stalls;
  std::optional<uint64_t> compaction_failures;
  std::optional<uint64_t> thp_faults;  // transparent huge pages given, or not to be had
  std::optional<uint64_t> thp_fallbacks;
  std::optional<uint64_t> thp_splits;
  std::optional<uint64_t> numa_hits;
  std::optional<uint64_t> numa_misses;
};

// Pure. kMalformed: a known counter has no number, or there is no line that we know.
shared::Result<Vmstat> ParseVmstat(std::string_view text);

// system.paging.faults and .operations (swap), system.linux.paging.io (block devices; bytes), and
// reclaim, compaction, huge pages, NUMA as system.linux.*. The table is in vmstat.cc.
void Emit(const Vmstat& vmstat, pipeline::FrameBuilder& frame);

}  // namespace agent::host
