#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One interface of /proc/net/dev (proc_pid_net(5); kernel net/core/net-procfs.c). Two lines of
// headings, then for each interface eight columns received and eight sent:
//    eth0: 107538764    2256    0    0    0     0          0         0   107340    1258    0    0
//    0     0       0          0
//          bytes     packets errs drop fifo frame compressed multicast   bytes  packets errs drop
//          fifo colls carrier compressed
struct NetInterface {
  std::string_view name;  // a view of the text that was parsed
  struct Direction {
    uint64_t bytes = 0;
    uint64_t packets = 0;
    uint64_t errors = 0;
    uint64_t dropped = 0;
  };
  Direction received;
  Direction sent;
};

// Pure. Fills `out`, whose memory is reused. kMalformed: no headings, or a line after them has no
// ':' or fewer than 16 numbers; `out` is then not meaningful.
shared::Result<void> ParseNetDev(std::string_view text, std::vector<NetInterface>& out);

// system.network.{io,packet.count,errors,packet.dropped} by network.interface.name and
// network.io.direction. (The conventions label packet.count alone by system.device, which would
// keep it from being joined with the others; we use one label for all four.)
void Emit(const NetInterface& interface, pipeline::FrameBuilder& frame);

}  // namespace agent::host
