#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/meminfo (proc_meminfo(5); kernel fs/proc/meminfo.c), one field a line:
//   MemTotal:       24684092 kB
//   HugePages_Total:       0
// The kernel's "kB" is 1024 bytes; here all is bytes, and huge pages are pages. Absent field:
// nullopt, never 0.
struct Meminfo {
  std::optional<uint64_t> total_bytes;
  std::optional<uint64_t> free_bytes;
  std::optional<uint64_t> available_bytes;  // Linux 3.14 and later
  std::optional<uint64_t> buffers_bytes;
  std::optional<uint64_t> cached_bytes;  // page cache with tmpfs and shared memory, without buffers
  std::optional<uint64_t> slab_reclaimable_bytes;
  std::optional<uint64_t> slab_unreclaimable_bytes;
  std::optional<uint64_t> shmem_bytes;
  std::optional<uint64_t> swap_total_bytes;
  std::optional<uint64_t> swap_free_bytes;
  std::optional<uint64_t> swap_cached_bytes;
  std::optional<uint64_t> active_bytes;
  std::optional<uint64_t> inactive_bytes;
  std::optional<uint64_t> unevictable_bytes;
  std::optional<uint64_t> mlocked_bytes;
  std::optional<uint64_t> dirty_bytes;
  std::optional<uint64_t> writeback_bytes;
  std::optional<uint64_t> anonymous_bytes;
  std::optional<uint64_t> mapped_bytes;
  std::optional<uint64_t> kernel_stack_bytes;
  std::optional<uint64_t> page_tables_bytes;
  std::optional<uint64_t> commit_limit_bytes;
  std::optional<uint64_t> committed_bytes;
  std::optional<uint64_t> percpu_bytes;          // Linux 4.20 and later
  std::optional<uint64_t> anonymous_huge_bytes;  // transparent huge pages
  std::optional<uint64_t> hugepages_total;  // of the default size; absent without CONFIG_HUGETLB
  std::optional<uint64_t> hugepages_free;
  std::optional<uint64_t> hugepages_reserved;
  std::optional<uint64_t> hugepages_surplus;
  std::optional<uint64_t> hugepage_bytes;
};

// Pure. kMalformed: a known field has no number, or MemTotal is missing.
shared::Result<Meminfo> ParseMeminfo(std::string_view text);

// system.memory.usage by state, which sum up to system.memory.limit: "cached" is page cache and
// reclaimable slab, "used" is what free, buffers and cached leave, as free(1) has it.
// system.memory.linux.*, system.paging.usage (swap), huge pages of the default size, and the fields
// that OpenTelemetry has no name for as system.linux.memory.*. The table is in meminfo.cc.
void Emit(const Meminfo& meminfo, pipeline::FrameBuilder& frame);

}  // namespace agent::host
