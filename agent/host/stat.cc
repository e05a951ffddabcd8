#include "agent/host/stat.h"

#include "shared/text/cursor.h"

namespace agent::host {
namespace {

using pipeline::Metric;
using shared::ErrorCode;
using shared::Fail;
using shared::model::MetricKind;
using shared::text::FieldCursor;
using shared::text::LineCursor;

constexpr Metric kCpuTime{"system.cpu.time", "s", MetricKind::kCounter};
constexpr Metric kGuestTime{"system.linux.cpu.guest_time", "s", MetricKind::kCounter};
constexpr Metric kCpuCount{"system.cpu.logical.count", "{cpu}", MetricKind::kUpDownCounter};
constexpr Metric kInterrupts{"system.linux.interrupts", "{interrupt}", MetricKind::kCounter};
constexpr Metric kSoftirqs{"system.linux.softirqs", "{interrupt}", MetricKind::kCounter};
constexpr Metric kSwitches{"system.linux.context_switches", "{switch}", MetricKind::kCounter};
constexpr Metric kBootTime{"system.linux.boot_time", "s", MetricKind::kGauge};
constexpr Metric kCreated{"system.process.created", "{process}", MetricKind::kCounter};
constexpr Metric kRunning{"system.linux.process.running", "{process}", MetricKind::kGauge};
constexpr Metric kBlocked{"system.linux.process.blocked", "{process}", MetricKind::kGauge};

// cpu.mode of the first eight columns. "interrupt" is hard interrupts; soft ones, which
// OpenTelemetry has no word for, are the network's work and stand apart.
constexpr std::string_view kModes[] = {"user",   "nice",      "system",  "idle",
                                       "iowait", "interrupt", "softirq", "steal"};
constexpr double kTicksPerSecond = 100;

struct Line {
  std::string_view name;
  std::optional<uint64_t> Stat::*slot;
};
constexpr Line kLines[] = {{"intr", &Stat::interrupts},
                           {"ctxt", &Stat::context_switches},
                           {"btime", &Stat::boot_time},
                           {"processes", &Stat::processes_created},
                           {"procs_running", &Stat::processes_running},
                           {"procs_blocked", &Stat::processes_blocked},
                           {"softirq", &Stat::softirqs}};

shared::Result<CpuTimes> ParseCpu(std::string_view name, FieldCursor fields, size_t line) {
  CpuTimes out;
  out.number = name.substr(3);
  for (uint64_t& ticks : out.ticks) {
    if (fields.AtEnd()) break;
    const std::optional<uint64_t> number = fields.TakeNumber<uint64_t>();
    if (!number) return Fail(ErrorCode::kMalformed, "line {}: {}: no number", line, name);
    ticks = *number;
    out.modes += 1;
  }
  if (out.modes < 4) {
    return Fail(ErrorCode::kMalformed, "line {}: {}: fewer than 4 columns", line, name);
  }
  return out;
}

void EmitCpu(const CpuTimes& cpu, pipeline::FrameBuilder& frame) {
  for (size_t i = 0; i < std::size(kModes) && i < cpu.modes; ++i) {
    const double seconds = static_cast<double>(cpu.ticks[i]) / kTicksPerSecond;
    if (cpu.number.empty()) {
      frame.Add(kCpuTime, {{"cpu.mode", kModes[i]}}, seconds);
    } else {
      frame.Add(kCpuTime, {{"cpu.logical_number", cpu.number}, {"cpu.mode", kModes[i]}}, seconds);
    }
  }
}

}  // namespace

shared::Result<void> ParseStat(std::string_view text, Stat& out) {
  std::vector<CpuTimes> cpus = std::move(out.cpus);
  cpus.clear();
  out = Stat{};
  out.cpus = std::move(cpus);
  for (LineCursor lines(text); lines.Next();) {
    FieldCursor fields(lines.line());
    const std::string_view name = fields.Take();
    if (name.starts_with("cpu")) {
      ASSIGN_OR_RETURN(const CpuTimes cpu, ParseCpu(name, fields, lines.number()));
      if (cpu.number.empty()) {
        out.all = cpu;
      } else {
        out.cpus.push_back(cpu);
      }
      continue;
    }
    for (const Line& line : kLines) {  // any other line ("page", "swap" of 2.4): skipped
      if (name != line.name) continue;
      const std::optional<uint64_t> number = fields.TakeNumber<uint64_t>();
      if (!number) {
        return Fail(ErrorCode::kMalformed, "line {}: {}: no number", lines.number(), name);
      }
      out.*line.slot = *number;
    }
  }
  if (out.all.modes == 0) return Fail(ErrorCode::kMalformed, "cpu is missing");
  return {};
}

void Emit(const Stat& stat, bool per_cpu, pipeline::FrameBuilder& frame) {
  if (per_cpu) {
    for (const CpuTimes& cpu : stat.cpus) EmitCpu(cpu, frame);
  } else {
    EmitCpu(stat.all, frame);
  }
  if (stat.all.modes == stat.all.ticks.size()) {
    const auto& ticks = stat.all.ticks;
    frame.Add(kGuestTime, {{"cpu.mode", "user"}}, static_cast<double>(ticks[8]) / kTicksPerSecond);
    frame.Add(kGuestTime, {{"cpu.mode", "nice"}}, static_cast<double>(ticks[9]) / kTicksPerSecond);
  }
  frame.Add(kCpuCount, {}, static_cast<double>(stat.cpus.size()));
  const std::pair<const Metric*, std::optional<uint64_t>> numbers[] = {
      {&kInterrupts, stat.interrupts},     {&kSoftirqs, stat.softirqs},
      {&kSwitches, stat.context_switches}, {&kBootTime, stat.boot_time},
      {&kCreated, stat.processes_created}, {&kRunning, stat.processes_running},
      {&kBlocked, stat.processes_blocked},
  };
  for (const auto& [metric, number] : numbers) {
    if (number) frame.Add(*metric, {}, static_cast<double>(*number));
  }
}

}  // namespace agent::host
