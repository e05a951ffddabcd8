#include "agent/host/net_netstat.h"

#include "agent/host/protocol_table.h"

namespace agent::host {
namespace {

using shared::model::MetricKind;

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr ProtocolCounter<NetNetstat> kCounters[] = {
    {"TcpExt",
     "SyncookiesSent",
     &NetNetstat::syncookies_sent,
     {"system.linux.tcp.syncookies_sent", "{segment}", kCounter}},
    {"TcpExt",
     "PruneCalled",
     &NetNetstat::prune_called,
     {"system.linux.tcp.receive_queue_prunes", "{prune}", kCounter}},
    {"TcpExt",
     "ListenOverflows",
     &NetNetstat::listen_overflows,
     {"system.linux.tcp.listen_overflows", "{connection}", kCounter}},
    {"TcpExt",
     "ListenDrops",
     &NetNetstat::listen_drops,
     {"system.linux.tcp.listen_drops", "{connection}", kCounter}},
    {"TcpExt",
     "TCPLostRetransmit",
     &NetNetstat::lost_retransmits,
     {"system.linux.tcp.lost_retransmits", "{segment}", kCounter}},
    {"TcpExt",
     "TCPFastRetrans",
     &NetNetstat::fast_retransmits,
     {"system.linux.tcp.fast_retransmits", "{segment}", kCounter}},
    {"TcpExt",
     "TCPSlowStartRetrans",
     &NetNetstat::slow_start_retransmits,
     {"system.linux.tcp.slow_start_retransmits", "{segment}", kCounter}},
    {"TcpExt",
     "TCPTimeouts",
     &NetNetstat::timeouts,
     {"system.linux.tcp.timeouts", "{timeout}", kCounter}},
    {"TcpExt",
     "TCPSynRetrans",
     &NetNetstat::syn_retransmits,
     {"system.linux.tcp.syn_retransmits", "{segment}", kCounter}},
    {"TcpExt",
     "TCPAbortOnMemory",
     &NetNetstat::aborts_on_memory,
     {"system.linux.tcp.aborts_on_memory", "{connection}", kCounter}},
    {"TcpExt",
     "TCPAbortOnTimeout",
     &NetNetstat::aborts_on_timeout,
     {"system.linux.tcp.aborts_on_timeout", "{connection}", kCounter}},
    {"TcpExt",
     "TCPMemoryPressures",
     &NetNetstat::memory_pressures,
     {"system.linux.tcp.memory_pressures", "{event}", kCounter}},
    {"TcpExt",
     "TCPBacklogDrop",
     &NetNetstat::backlog_drops,
     {"system.linux.tcp.backlog_drops", "{segment}", kCounter}},
    {"TcpExt",
     "TCPReqQFullDrop",
     &NetNetstat::request_queue_drops,
     {"system.linux.tcp.request_queue_drops", "{segment}", kCounter}},
    {"TcpExt",
     "TCPRcvQDrop",
     &NetNetstat::receive_queue_drops,
     {"system.linux.tcp.receive_queue_drops", "{segment}", kCounter}},
    {"TcpExt",
     "TCPOFOQueue",
     &NetNetstat::out_of_order_queued,
     {"system.linux.tcp.out_of_order_queued", "{segment}", kCounter}},
};

}  // namespace

shared::Result<NetNetstat> ParseNetNetstat(std::string_view text) {
  return ParseProtocolTable<NetNetstat>(text, kCounters);
}

void Emit(const NetNetstat& netstat, pipeline::FrameBuilder& frame) {
  EmitProtocolTable<NetNetstat>(netstat, kCounters, frame);
}

}  // namespace agent::host
