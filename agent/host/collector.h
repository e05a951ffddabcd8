#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/host/guarded_statfs.h"
#include "agent/host/problems.h"
#include "agent/host/sock_diag.h"
#include "agent/pipeline/frame.h"

namespace agent::host {

// What to measure. Patterns are globs with '*' (glob.h).
struct HostOptions {
  std::string proc_root = "/proc";
  std::string sys_root = "/sys";
  std::vector<std::string> ignored_disks = {"loop*", "ram*", "zram*", "fd*", "sr*"};
  std::vector<std::string> ignored_interfaces = {"veth*", "cali*", "ifb*"};
  std::vector<std::string> ignored_filesystem_types;
  std::vector<std::string> ignored_mountpoints = {"/run/*",
                                                  "/sys/*",
                                                  "/snap/*",
                                                  "/var/lib/docker/*",
                                                  "/var/lib/containers/*",
                                                  "/var/lib/kubelet/*"};
  bool per_cpu = true;
  std::chrono::milliseconds interval{10'000};
  // What is dear is read once in this time, in whole rounds, and the last known sent in between.
  std::chrono::milliseconds process_period{120'000};
  std::chrono::milliseconds connection_period{60'000};
  std::chrono::milliseconds statfs_deadline{250};
};

// What of the running system is not a file; a test passes its own.
struct HostSystem {
  StatfsFunction statfs = CallStatfs;
  std::function<shared::Result<TcpStates>()> tcp_states;  // empty: TcpDiag
  uint64_t page_bytes = 0;                                // 0: sysconf(3)
};

// Reads the whole host, a round at a time: about 0.1 ms of CPU for 200 series on two CPUs, 0.2 ms
// when what is dear is spread over the rounds (measured: tests/bench/agent/host_scrape_bench.cc),
// most of it the kernel printing text. Files that are missing or strange leave out their series,
// never anything else, and are found in problems(). After the first rounds a round allocates
// nothing, unless the host changes or something fails. One thread.
class HostCollector {
 public:
  explicit HostCollector(HostOptions options, HostSystem system = {});
  ~HostCollector();

  // One round. The values are valid until the next one.
  pipeline::FrameBuilder::Round Collect();

  // Of the last round.
  [[nodiscard]] const Problems& problems() const;
  [[nodiscard]] bool problems_changed() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace agent::host
