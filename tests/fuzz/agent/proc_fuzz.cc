// Every parser of agent/host: the first byte picks one, the rest is the file. What parses is also
// sent into a frame. Seeds: tests/fuzz/corpus/proc_fuzz/, whole files of real kernels.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/host/diskstats.h"
#include "agent/host/file_nr.h"
#include "agent/host/hugepages.h"
#include "agent/host/loadavg.h"
#include "agent/host/meminfo.h"
#include "agent/host/mount_selection.h"
#include "agent/host/net_dev.h"
#include "agent/host/net_netstat.h"
#include "agent/host/net_snmp.h"
#include "agent/host/pid_stat.h"
#include "agent/host/pressure.h"
#include "agent/host/processes.h"
#include "agent/host/resource.h"
#include "agent/host/self.h"
#include "agent/host/sock_diag.h"
#include "agent/host/sockstat.h"
#include "agent/host/stat.h"
#include "agent/host/uptime.h"
#include "agent/host/vmstat.h"

namespace {

using agent::pipeline::FrameBuilder;
using namespace agent::host;  // NOLINT: nineteen parsers of one namespace

void FuzzStat(std::string_view text, FrameBuilder& frame) {
  Stat stat;
  if (!ParseStat(text, stat)) return;
  Emit(stat, true, frame);
  Emit(stat, false, frame);
}
void FuzzDiskstats(std::string_view text, FrameBuilder& frame) {
  std::vector<Disk> disks;
  if (!ParseDiskstats(text, disks)) return;
  for (const Disk& disk : disks) Emit(disk, frame);
}
void FuzzNetDev(std::string_view text, FrameBuilder& frame) {
  std::vector<NetInterface> interfaces;
  if (!ParseNetDev(text, interfaces)) return;
  for (const NetInterface& interface : interfaces) Emit(interface, frame);
}
void FuzzMountinfo(std::string_view text, FrameBuilder&) {
  const auto mounts = ParseMountinfo(text);
  if (mounts) SelectMounts(*mounts, *mounts, {"fuse.*"}, {"/run/*"});
}
void FuzzSockstat(std::string_view text, FrameBuilder& frame) {
  Sockstat sockstat;
  if (ParseSockstat(text, sockstat)) Emit(sockstat, 4096, frame);
}
void FuzzInetDiag(std::string_view text, FrameBuilder& frame) {
  TcpStates states;
  if (ParseInetDiag(text, states)) Emit(states, frame);
}
void FuzzPidStat(std::string_view text, FrameBuilder& frame) {
  if (const auto stat = ParsePidStat(text)) EmitSelf(*stat, 4096, frame);
  ProcessCounts counts;
  if (const auto state = ParseProcessState(text)) Count(*state, counts);
  Emit(counts, frame);
}
void FuzzPressure(std::string_view text, FrameBuilder& frame) {
  if (const auto pressure = ParsePressure(text)) Emit(*pressure, PressureOf::kIo, frame);
}
void FuzzUptime(std::string_view text, FrameBuilder& frame) {
  if (const auto seconds = ParseUptime(text)) EmitUptime(*seconds, frame);
}
void FuzzNames(std::string_view text, FrameBuilder&) {
  static_cast<void>(ParseHugepageSize(text));
  static_cast<void>(ParseHugepageCount(text));
  static_cast<void>(ParseOsRelease(text));
}
template <auto Parse>
void FuzzWhole(std::string_view text, FrameBuilder& frame) {
  if (const auto parsed = Parse(text)) Emit(*parsed, frame);
}

using Target = void (*)(std::string_view, FrameBuilder&);
// The order is that of the seeds' first bytes: append only.
constexpr std::array<Target, 16> kTargets = {FuzzStat,
                                             FuzzWhole<ParseLoadavg>,
                                             FuzzWhole<ParseMeminfo>,
                                             FuzzWhole<ParseVmstat>,
                                             FuzzDiskstats,
                                             FuzzMountinfo,
                                             FuzzNetDev,
                                             FuzzWhole<ParseNetSnmp>,
                                             FuzzWhole<ParseNetNetstat>,
                                             FuzzSockstat,
                                             FuzzInetDiag,
                                             FuzzPressure,
                                             FuzzUptime,
                                             FuzzWhole<ParseFileNr>,
                                             FuzzNames,
                                             FuzzPidStat};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  FrameBuilder frame;
  frame.Begin();
  kTargets[bytes[0] % kTargets.size()](
      std::string_view(reinterpret_cast<const char*>(bytes) + 1, size - 1), frame);
  frame.End();
  return 0;
}
