#include "agent/host/collector.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/host/disk_filter.h"
#include "agent/host/diskstats.h"
#include "agent/host/file_nr.h"
#include "agent/host/filesystems.h"
#include "agent/host/glob.h"
#include "agent/host/hugepages.h"
#include "agent/host/loadavg.h"
#include "agent/host/meminfo.h"
#include "agent/host/net_dev.h"
#include "agent/host/net_netstat.h"
#include "agent/host/net_snmp.h"
#include "agent/host/pid_stat.h"
#include "agent/host/pressure.h"
#include "agent/host/proc_file.h"
#include "agent/host/processes.h"
#include "agent/host/self.h"
#include "agent/host/sockstat.h"
#include "agent/host/stat.h"
#include "agent/host/uptime.h"
#include "agent/host/vmstat.h"

namespace agent::host {
namespace {

constexpr pipeline::Metric kFaults{"pgvigil.agent.host.read_errors", "{error}",
                                   shared::model::MetricKind::kCounter};

// How many rounds make up `period`.
uint64_t RoundsIn(std::chrono::milliseconds period, std::chrono::milliseconds interval) {
  if (interval.count() <= 0 || period <= interval) return 1;
  return static_cast<uint64_t>((period + interval / 2) / interval);
}

HostSystem Complete(HostSystem system) {
  if (!system.tcp_states) {
    system.tcp_states = [diag = std::make_shared<TcpDiag>()] { return diag->Read(); };
  }
  if (system.page_bytes == 0) system.page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return system;
}

FilesystemOptions FilesystemOptionsOf(const HostOptions& options, const HostSystem& system) {
  FilesystemOptions out;
  out.proc_root = options.proc_root;
  out.ignored_types = options.ignored_filesystem_types;
  out.ignored_mountpoints = options.ignored_mountpoints;
  out.statfs = system.statfs;
  out.statfs_deadline = options.statfs_deadline;
  return out;
}

}  // namespace

class HostCollector::Impl {
 public:
  Impl(HostOptions options, HostSystem system)
      : options_(std::move(options)), system_(Complete(std::move(system))) {}

  pipeline::FrameBuilder::Round Collect() {
    frame_.Begin();
    problems_.Begin();
    CollectCpuAndMemory();
    CollectDisks();
    CollectNetwork();
    CollectProcesses();
    frame_.Add(kFaults, {}, static_cast<double>(problems_.faults_noted()));
    problems_changed_ = problems_.End();
    round_ += 1;
    return frame_.End();
  }

  const Problems& problems() const { return problems_; }
  bool problems_changed() const { return problems_changed_; }

 private:
  // Reads `file`, parses it, and calls `emit` with what came out; notes what went wrong.
  template <typename Parse, typename Emission>
  void Take(ProcFile& file, Parse parse, Emission emit) {
    const auto& text = file.Read();
    if (!text) return problems_.Note(text.error());
    auto parsed = parse(*text);
    if (parsed) return emit(*parsed);
    problems_.Note(std::move(parsed).error().With(file.path()));
  }
  // The same for parsers that fill a member, whose memory is reused.
  template <typename Parse, typename Emission>
  void Fill(ProcFile& file, Parse parse, Emission emit) {
    const auto& text = file.Read();
    if (!text) return problems_.Note(text.error());
    shared::Result<void> parsed = parse(*text);
    if (parsed) return emit();
    problems_.Note(std::move(parsed).error().With(file.path()));
  }

  void CollectCpuAndMemory();
  void CollectPressure(ProcFile& file, PressureOf resource);
  void CollectDisks();
  void CollectNetwork();
  void CollectConnections();
  void CollectProcesses();

  // Whether what is read once in `rounds` is due; always in the first round.
  bool IsDue(uint64_t rounds) const { return round_ % rounds == 0; }
  ProcFile File(std::string_view name) const {
    return ProcFile(fmt::format("{}/{}", options_.proc_root, name));
  }

  const HostOptions options_;
  const HostSystem system_;
  const uint64_t process_rounds_ = RoundsIn(options_.process_period, options_.interval);
  const uint64_t connection_rounds_ = RoundsIn(options_.connection_period, options_.interval);

  ProcFile stat_file_ = File("stat");
  ProcFile loadavg_file_ = File("loadavg");
  ProcFile uptime_file_ = File("uptime");
  ProcFile meminfo_file_ = File("meminfo");
  ProcFile vmstat_file_ = File("vmstat");
  ProcFile cpu_pressure_file_ = File("pressure/cpu");
  ProcFile memory_pressure_file_ = File("pressure/memory");
  ProcFile io_pressure_file_ = File("pressure/io");
  ProcFile irq_pressure_file_ = File("pressure/irq");
  ProcFile diskstats_file_ = File("diskstats");
  ProcFile net_dev_file_ = File("net/dev");
  ProcFile snmp_file_ = File("net/snmp");
  ProcFile netstat_file_ = File("net/netstat");
  ProcFile sockstat_file_ = File("net/sockstat");
  ProcFile sockstat6_file_ = File("net/sockstat6");
  ProcFile file_nr_file_ = File("sys/fs/file-nr");
  ProcFile self_file_ = File("self/stat");

  Hugepages hugepages_{options_.sys_root};
  Filesystems filesystems_{FilesystemOptionsOf(options_, system_)};
  DiskFilter disk_filter_{options_.sys_root, options_.ignored_disks};
  ProcessWalk processes_{options_.proc_root};

  Stat stat_;
  std::vector<Disk> disks_;
  std::vector<NetInterface> interfaces_;
  std::optional<ProcessCounts> process_counts_;  // of the last walk
  std::optional<shared::Error> process_error_;
  std::optional<TcpStates> tcp_states_;  // of the last dump
  std::optional<shared::Error> tcp_error_;

  pipeline::FrameBuilder frame_;
  Problems problems_;
  bool problems_changed_ = false;
  uint64_t round_ = 0;
};

void HostCollector::Impl::CollectCpuAndMemory() {
  const auto emit = [this](const auto& parsed) { Emit(parsed, frame_); };
  Fill(
      stat_file_, [this](std::string_view text) { return ParseStat(text, stat_); },
      [this] { Emit(stat_, options_.per_cpu, frame_); });
  Take(loadavg_file_, ParseLoadavg, emit);
  Take(uptime_file_, ParseUptime, [this](double seconds) { EmitUptime(seconds, frame_); });
  Take(meminfo_file_, ParseMeminfo, emit);
  if (const auto collected = hugepages_.Collect(frame_); !collected) {
    problems_.Note(collected.error());
  }
  Take(vmstat_file_, ParseVmstat, emit);
  CollectPressure(cpu_pressure_file_, PressureOf::kCpu);
  CollectPressure(memory_pressure_file_, PressureOf::kMemory);
  CollectPressure(io_pressure_file_, PressureOf::kIo);
  CollectPressure(irq_pressure_file_, PressureOf::kIrq);
}

void HostCollector::Impl::CollectPressure(ProcFile& file, PressureOf resource) {
  Take(file, ParsePressure, [&](const Pressure& pressure) { Emit(pressure, resource, frame_); });
}

void HostCollector::Impl::CollectDisks() {
  Fill(
      diskstats_file_, [this](std::string_view text) { return ParseDiskstats(text, disks_); },
      [this] {
        for (const Disk& disk : disks_) {
          // A device that has never done anything (an empty loop or nbd slot) is not worth 18
          // series.
          if (disk.reads + disk.writes == 0 || !disk_filter_.Wants(disk.name)) continue;
          Emit(disk, frame_);
        }
      });
  filesystems_.Collect(frame_, problems_);
}

void HostCollector::Impl::CollectNetwork() {
  const auto emit = [this](const auto& parsed) { Emit(parsed, frame_); };
  Fill(
      net_dev_file_, [this](std::string_view text) { return ParseNetDev(text, interfaces_); },
      [this] {
        for (const NetInterface& interface : interfaces_) {
          if (AnyGlobMatches(options_.ignored_interfaces, interface.name)) continue;
          Emit(interface, frame_);
        }
      });
  Take(snmp_file_, ParseNetSnmp, emit);
  Take(netstat_file_, ParseNetNetstat, emit);
  Sockstat sockstat;
  const auto parse = [&](std::string_view text) { return ParseSockstat(text, sockstat); };
  Fill(sockstat6_file_, parse, [] {});
  Fill(sockstat_file_, parse, [&] { Emit(sockstat, system_.page_bytes, frame_); });
  CollectConnections();
}

void HostCollector::Impl::CollectConnections() {
  if (IsDue(connection_rounds_)) {
    auto states = system_.tcp_states();
    tcp_states_.reset();
    tcp_error_.reset();
    if (states) {
      tcp_states_ = *states;
    } else {
      // Whatever the code, it is a fault: the kernel may well have no sock_diag (kNotFound), but we
      // were asked for the states.
      tcp_error_ = shared::Error{
          shared::ErrorCode::kUnavailable,
          fmt::format("{}: no TCP connections by state but time_wait, only the totals of {}",
                      states.error().message, sockstat_file_.path())};
    }
  }
  if (tcp_states_) Emit(*tcp_states_, frame_);
  if (tcp_error_) problems_.Note(*tcp_error_);
}

void HostCollector::Impl::CollectProcesses() {
  if (IsDue(process_rounds_)) {
    auto counts = processes_.Read();
    process_counts_.reset();
    process_error_.reset();
    if (counts) {
      process_counts_ = *counts;
    } else {
      process_error_ = std::move(counts).error();
    }
  }
  if (process_counts_) Emit(*process_counts_, frame_);
  if (process_error_) problems_.Note(*process_error_);
  Take(file_nr_file_, ParseFileNr, [this](const FileNr& files) { Emit(files, frame_); });
  Take(self_file_, ParsePidStat,
       [this](const PidStat& self) { EmitSelf(self, system_.page_bytes, frame_); });
}

HostCollector::HostCollector(HostOptions options, HostSystem system)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(system))) {}
HostCollector::~HostCollector() = default;

pipeline::FrameBuilder::Round HostCollector::Collect() {
  return impl_->Collect();
}
const Problems& HostCollector::problems() const {
  return impl_->problems();
}
bool HostCollector::problems_changed() const {
  return impl_->problems_changed();
}

}  // namespace agent::host
