#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/net/netstat (protocol_table.h has the format; the counters are explained in
// kernel Documentation/networking/snmp_counter.rst): what tells a network in trouble from a busy
// one.
struct NetNetstat {
  std::optional<uint64_t> syncookies_sent;
  std::optional<uint64_t> prune_called;
  std::optional<uint64_t> listen_overflows;  // connections lost because the accept queue was full
  std::optional<uint64_t> listen_drops;
  std::optional<uint64_t> lost_retransmits;
  std::optional<uint64_t> fast_retransmits;
  std::optional<uint64_t> slow_start_retransmits;
  std::optional<uint64_t> timeouts;
  std::optional<uint64_t> syn_retransmits;  // Linux 3.15 and later
  std::optional<uint64_t> aborts_on_memory;
  std::optional<uint64_t> aborts_on_timeout;
  std::optional<uint64_t> memory_pressures;
  std::optional<uint64_t> backlog_drops;
  std::optional<uint64_t> request_queue_drops;
  std::optional<uint64_t> receive_queue_drops;  // Linux 4.17 and later
  std::optional<uint64_t> out_of_order_queued;
};

// Pure. kMalformed: as ParseProtocolTable.
shared::Result<NetNetstat> ParseNetNetstat(std::string_view text);

// system.linux.tcp.*; the table is in net_netstat.cc.
void Emit(const NetNetstat& netstat, pipeline::FrameBuilder& frame);

}  // namespace agent::host
