#include <gtest/gtest.h>

#include "agent/host/net_netstat.h"
#include "agent/host/net_snmp.h"

namespace agent::host {
namespace {

TEST(ParseNetSnmp, FindsCountersByNameWhateverTheirPlace) {
  const auto snmp = ParseNetSnmp(
      "Ip: Forwarding InDiscards\nIp: 1 7\n"
      "Tcp: MaxConn RetransSegs Unknown ActiveOpens\nTcp: -1 5 x 6\n");
  ASSERT_TRUE(snmp) << snmp.error().message;
  EXPECT_EQ(snmp->ip_in_discards, 7u);
  EXPECT_EQ(snmp->tcp_retransmitted_segments, 5u);
  EXPECT_EQ(snmp->tcp_active_opens, 6u);
  EXPECT_EQ(snmp->tcp_out_segments, std::nullopt);
}

TEST(ParseNetSnmp, TellsProtocolsApartThatHaveTheSameCounter) {
  const auto snmp = ParseNetSnmp("UdpLite: InErrors\nUdpLite: 1\nUdp: InErrors\nUdp: 2\n");
  ASSERT_TRUE(snmp);
  EXPECT_EQ(snmp->udp_in_errors, 2u);
}

TEST(ParseNetSnmp, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const auto snmp = ParseNetSnmp(text);
    ASSERT_FALSE(snmp) << text;
    EXPECT_EQ(snmp.error().message, message) << text;
  };
  expect_error("Tcp: InSegs\n", "line 1: Tcp: no line of values");
  expect_error("Tcp: InSegs\nUdp: 5\n", "line 2: not the values of Tcp");
  expect_error("Tcp: InSegs OutSegs\nTcp: 5\n", "line 2: Tcp: fewer values than names");
  expect_error("Tcp: InSegs OutSegs\nTcp: 5 six\n", "line 2: Tcp: OutSegs: no number");
}

TEST(ParseNetNetstat, ReadsTcpExtAndSkipsTheRest) {
  const auto netstat = ParseNetNetstat(
      "TcpExt: ListenOverflows TCPTimeouts\nTcpExt: 3 4\nMPTcpExt: TCPTimeouts\nMPTcpExt: 9\n");
  ASSERT_TRUE(netstat) << netstat.error().message;
  EXPECT_EQ(netstat->listen_overflows, 3u);
  EXPECT_EQ(netstat->timeouts, 4u);
  EXPECT_EQ(netstat->syn_retransmits, std::nullopt);
}

}  // namespace
}  // namespace agent::host
