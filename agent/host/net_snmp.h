#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/frame.h"
#include "shared/base/result.h"

namespace agent::host {

// One reading of /proc/net/snmp (protocol_table.h has the format; the counters are those of RFC
// 1213 and kernel Documentation/networking/snmp_counter.rst). IPv4 and IPv6 together for Tcp, IPv4
// alone for the others.
struct NetSnmp {
  std::optional<uint64_t> ip_in_discards;
  std::optional<uint64_t> ip_out_discards;
  std::optional<uint64_t> ip_reassembly_failures;
  std::optional<uint64_t> tcp_active_opens;
  std::optional<uint64_t> tcp_passive_opens;
  std::optional<uint64_t> tcp_attempt_fails;
  std::optional<uint64_t> tcp_established_resets;
  std::optional<uint64_t> tcp_current_established;  // ESTABLISHED and CLOSE_WAIT, now
  std::optional<uint64_t> tcp_in_segments;
  std::optional<uint64_t> tcp_out_segments;
  std::optional<uint64_t> tcp_retransmitted_segments;
  std::optional<uint64_t> tcp_in_errors;
  std::optional<uint64_t> tcp_out_resets;
  std::optional<uint64_t> udp_in_datagrams;
  std::optional<uint64_t> udp_out_datagrams;
  std::optional<uint64_t> udp_no_ports;
  std::optional<uint64_t> udp_in_errors;
  std::optional<uint64_t> udp_receive_buffer_errors;
  std::optional<uint64_t> udp_send_buffer_errors;
};

// Pure. kMalformed: as ParseProtocolTable.
shared::Result<NetSnmp> ParseNetSnmp(std::string_view text);

// system.linux.{ip,tcp,udp}.*; the table is in net_snmp.cc.
void Emit(const NetSnmp& snmp, pipeline::FrameBuilder& frame);

}  // namespace agent::host
