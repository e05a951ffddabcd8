// What one round of host metrics costs on this machine, /proc and /sys as they are:
//   host_scrape_bench [ROUNDS]
// CPU time is this process' own, over all rounds, also those that walk the processes (one in
// twelve) and ask for TCP connections (one in six). Syscalls are counted by strace(1), in two runs
// of itself whose difference leaves out what happens once; null without strace. The last line is a
// JSON object.

#include <fmt/format.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/host/collector.h"
#include "shared/base/file.h"
#include "shared/text/cursor.h"

namespace {

constexpr int kWarmRounds = 60;

double CpuMicroseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double WallMicroseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The calls of one run of ourselves, from the line "100.00 … <calls> … total" of strace -c;
// negative when there is no strace.
double CountSyscalls(const std::string& self, int rounds) {
  const std::string summary = fmt::format("/tmp/host_scrape_bench.{}.strace", ::getpid());
  const std::string command =
      fmt::format("strace -f -c -o {} {} --count {} >/dev/null 2>&1", summary, self, rounds);
  const int status = std::system(command.c_str());  // NOLINT: our own words only
  const auto text = shared::ReadFile(summary);
  ::unlink(summary.c_str());
  if (status != 0 || !text) return -1;
  for (shared::text::LineCursor lines(*text); lines.Next();) {
    if (!lines.line().ends_with(" total")) continue;
    shared::text::FieldCursor fields(lines.line());
    fields.Skip(3);  // % time, seconds, usecs/call
    return fields.TakeNumber<double>().value_or(-1);
  }
  return -1;
}

std::string SyscallsPerRound(const std::string& self) {
  constexpr int kRounds = 300;
  const double few = CountSyscalls(self, 60);
  const double many = CountSyscalls(self, 60 + kRounds);
  return few < 0 || many < 0 ? "null" : fmt::format("{:.1f}", (many - few) / kRounds);
}

}  // namespace

int main(int argc, char** argv) {
  const bool counting = argc == 3 && std::string_view(argv[1]) == "--count";
  const int rounds = counting ? std::atoi(argv[2]) : argc == 2 ? std::atoi(argv[1]) : 2000;
  agent::host::HostCollector collector({});
  if (counting) {
    for (int i = 0; i < rounds; ++i) collector.Collect();
    return 0;
  }
  for (int i = 0; i < kWarmRounds; ++i) collector.Collect();
  std::vector<double> cpu;
  std::vector<double> wall;
  size_t series = 0;
  const double start = CpuMicroseconds();
  for (int i = 0; i < rounds; ++i) {
    const double cpu_start = CpuMicroseconds();
    const double wall_start = WallMicroseconds();
    series = collector.Collect().values.size();
    wall.push_back(WallMicroseconds() - wall_start);
    cpu.push_back(CpuMicroseconds() - cpu_start);
  }
  const double mean = (CpuMicroseconds() - start) / rounds;
  const double dearest = *std::max_element(cpu.begin(), cpu.end());
  fmt::print("{} rounds, {} series; not readable: {}; absent: {}\n", rounds, series,
             collector.problems().faults(), collector.problems().absent());
  fmt::print(
      "{{\"us_per_round\": {:.1f}, \"us_cpu_median\": {:.1f}, \"us_cpu_most\": {:.1f}, "
      "\"us_wall_median\": {:.1f}, \"syscalls_per_round\": {}, \"series\": {}}}\n",
      mean, Median(cpu), dearest, Median(wall), SyscallsPerRound(argv[0]), series);
}
