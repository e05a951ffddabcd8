#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// The time that one CPU, or all together, spent in each mode, in ticks of 1/100 s (USER_HZ, which
// is 100 towards user space on every architecture that we run on).
struct CpuTimes {
  std::string_view number;  // "0", "1", …; "" for all CPUs; a view of the text that was parsed
  // user nice system idle iowait irq softirq steal guest guest_nice, as the kernel orders them.
  // user and nice include guest and guest_nice.
  std::array<uint64_t, 10> ticks{};
  size_t modes = 0;  // how many of them the kernel prints
};

// One reading of /proc/stat (proc_stat(5); kernel fs/proc/stat.c):
//   cpu  6506 3184 4441 300036 1208 0 223 2143 0 0
//   cpu0 2568 1675 1943 151568 90 0 13 1028 0 0
//   intr 249226 0 0 …             (the sum, then one for each interrupt: thousands on large hosts)
//   ctxt 462200
//   btime 1795249538
//   processes 10404
//   procs_running 1
//   procs_blocked 0
//   softirq 203947 0 23944 …
// Counters may step back: iowait is documented to, and a CPU that goes offline takes its ticks
// along.
struct Stat {
  CpuTimes all;
  std::vector<CpuTimes> cpus;  // those online, in the kernel's order
  std::optional<uint64_t> interrupts;
  std::optional<uint64_t> softirqs;
  std::optional<uint64_t> context_switches;
  std::optional<uint64_t> boot_time;  // seconds since 1970
  std::optional<uint64_t> processes_created;
  std::optional<uint64_t> processes_running;
  std::optional<uint64_t> processes_blocked;
};

// Pure. Fills `out`, whose vector is reused. kMalformed: a known line has no number, or the line
// "cpu" is missing; `out` is then not meaningful.
shared::Result<void> ParseStat(std::string_view text, Stat& out);

// system.cpu.time by mode, and by CPU when `per_cpu` (then without a sum over all, which would
// count twice); context switches, interrupts, processes. The table is in stat.cc.
void Emit(const Stat& stat, bool per_cpu, pipeline::FrameBuilder& frame);

}  // namespace agent::host
