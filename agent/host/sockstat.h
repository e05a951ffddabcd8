#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// /proc/net/sockstat and sockstat6 (proc_pid_net(5); kernel net/ipv4/proc.c), names and values in
// turn:
//   sockets: used 17
//   TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 227
//   TCP6: inuse 0                                 (in sockstat6)
struct Sockstat {
  std::optional<uint64_t> sockets_used;
  std::optional<uint64_t> tcp_in_use;  // IPv4, TIME_WAIT left out
  std::optional<uint64_t> tcp6_in_use;
  std::optional<uint64_t> tcp_orphaned;
  std::optional<uint64_t> tcp_time_wait;
  std::optional<uint64_t> tcp_allocated;
  std::optional<uint64_t> tcp_memory_pages;
  std::optional<uint64_t> udp_in_use;
  std::optional<uint64_t> udp6_in_use;
  std::optional<uint64_t> udp_memory_pages;
};

// Pure. Adds what `text`, of either file, says to `out`. kMalformed: a known name has no number.
shared::Result<void> ParseSockstat(std::string_view text, Sockstat& out);

// system.linux.socket.count, system.linux.{tcp,udp}.sockets.*; and TIME_WAIT, which is dear to
// count by netlink and free here, as system.network.connection.count.
void Emit(const Sockstat& sockstat, uint64_t page_bytes, pipeline::FrameBuilder& frame);

}  // namespace agent::host
