#include "agent/host/net_snmp.h"

#include "agent/host/protocol_table.h"

namespace agent::host {
namespace {

using shared::model::MetricKind;

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr ProtocolCounter<NetSnmp> kCounters[] = {
    {"Ip",
     "InDiscards",
     &NetSnmp::ip_in_discards,
     {"system.linux.ip.in_discards", "{packet}", kCounter}},
    {"Ip",
     "OutDiscards",
     &NetSnmp::ip_out_discards,
     {"system.linux.ip.out_discards", "{packet}", kCounter}},
    {"Ip",
     "ReasmFails",
     &NetSnmp::ip_reassembly_failures,
     {"system.linux.ip.reassembly_failures", "{packet}", kCounter}},
    {"Tcp",
     "ActiveOpens",
     &NetSnmp::tcp_active_opens,
     {"system.linux.tcp.active_opens", "{connection}", kCounter}},
    {"Tcp",
     "PassiveOpens",
     &NetSnmp::tcp_passive_opens,
     {"system.linux.tcp.passive_opens", "{connection}", kCounter}},
    {"Tcp",
     "AttemptFails",
     &NetSnmp::tcp_attempt_fails,
     {"system.linux.tcp.attempt_fails", "{connection}", kCounter}},
    {"Tcp",
     "EstabResets",
     &NetSnmp::tcp_established_resets,
     {"system.linux.tcp.established_resets", "{connection}", kCounter}},
    {"Tcp",
     "CurrEstab",
     &NetSnmp::tcp_current_established,
     {"system.linux.tcp.current_established", "{connection}", MetricKind::kUpDownCounter}},
    {"Tcp",
     "InSegs",
     &NetSnmp::tcp_in_segments,
     {"system.linux.tcp.in_segments", "{segment}", kCounter}},
    {"Tcp",
     "OutSegs",
     &NetSnmp::tcp_out_segments,
     {"system.linux.tcp.out_segments", "{segment}", kCounter}},
    {"Tcp",
     "RetransSegs",
     &NetSnmp::tcp_retransmitted_segments,
     {"system.linux.tcp.retransmitted_segments", "{segment}", kCounter}},
    {"Tcp",
     "InErrs",
     &NetSnmp::tcp_in_errors,
     {"system.linux.tcp.in_errors", "{segment}", kCounter}},
    {"Tcp",
     "OutRsts",
     &NetSnmp::tcp_out_resets,
     {"system.linux.tcp.out_resets", "{segment}", kCounter}},
    {"Udp",
     "InDatagrams",
     &NetSnmp::udp_in_datagrams,
     {"system.linux.udp.in_datagrams", "{datagram}", kCounter}},
    {"Udp",
     "OutDatagrams",
     &NetSnmp::udp_out_datagrams,
     {"system.linux.udp.out_datagrams", "{datagram}", kCounter}},
    {"Udp",
     "NoPorts",
     &NetSnmp::udp_no_ports,
     {"system.linux.udp.no_ports", "{datagram}", kCounter}},
    {"Udp",
     "InErrors",
     &NetSnmp::udp_in_errors,
     {"system.linux.udp.in_errors", "{datagram}", kCounter}},
    {"Udp",
     "RcvbufErrors",
     &NetSnmp::udp_receive_buffer_errors,
     {"system.linux.udp.receive_buffer_errors", "{datagram}", kCounter}},
    {"Udp",
     "SndbufErrors",
     &NetSnmp::udp_send_buffer_errors,
     {"system.linux.udp.send_buffer_errors", "{datagram}", kCounter}},
};

}  // namespace

shared::Result<NetSnmp> ParseNetSnmp(std::string_view text) {
  return ParseProtocolTable<NetSnmp>(text, kCounters);
}

void Emit(const NetSnmp& snmp, pipeline::FrameBuilder& frame) {
  EmitProtocolTable<NetSnmp>(snmp, kCounters, frame);
}

}  // namespace agent::host
