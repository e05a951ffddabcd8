// The files of one line or two: loadavg, uptime, file-nr, pressure, sockstat.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/host/file_nr.h"
#include "agent/host/loadavg.h"
#include "agent/host/pressure.h"
#include "agent/host/sockstat.h"
#include "agent/host/uptime.h"
#include "tests/unit/agent/host/series_text.h"

namespace agent::host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(ParseLoadavg, ReadsTheLoadsAndTheThreads) {
  const auto loadavg = ParseLoadavg("0.41 12.20 0.07 1/95 10404\n");
  ASSERT_TRUE(loadavg);
  EXPECT_DOUBLE_EQ(loadavg->one_minute, 0.41);
  EXPECT_DOUBLE_EQ(loadavg->five_minutes, 12.20);
  EXPECT_DOUBLE_EQ(loadavg->fifteen_minutes, 0.07);
  EXPECT_EQ(loadavg->threads, 95u);
}

TEST(ParseLoadavg, RefusesAnythingElse) {
  for (const std::string_view text : {"", "\n", "0.41 0.20\n", "a b c 1/95 1\n", "1 2 3 195 1\n"}) {
    const auto loadavg = ParseLoadavg(text);
    ASSERT_FALSE(loadavg) << text;
    EXPECT_EQ(loadavg.error().message, "line 1: not of the form \"0.41 0.20 0.07 1/95 10404\"");
  }
}

TEST(ParseUptime, ReadsTheFirstNumberAndRefusesAnythingElse) {
  EXPECT_DOUBLE_EQ(ParseUptime("1586.19 3000.39\n").value(), 1586.19);
  EXPECT_EQ(ParseUptime("").error().message, "line 1: no number");
  EXPECT_EQ(ParseUptime("soon").error().message, "line 1: no number");
}

TEST(ParseFileNr, ReadsWhatIsOpenAndTheLimit) {
  const auto files = ParseFileNr("594\t0\t9223372036854775807\n");
  ASSERT_TRUE(files);
  EXPECT_EQ(files->allocated, 594u);
  EXPECT_EQ(files->limit, 9'223'372'036'854'775'807u);
  EXPECT_EQ(ParseFileNr("594 0").error().message, "line 1: not three numbers");
}

TEST(ParsePressure, ReadsEitherLineAlone) {
  const auto cpu = ParsePressure("some avg10=0.49 avg60=3.30 avg300=1.68 total=1500000\n");
  ASSERT_TRUE(cpu);
  EXPECT_EQ(cpu->some_total_us, 1'500'000u);
  EXPECT_EQ(cpu->full_total_us, std::nullopt);
  EXPECT_THAT(
      tests::LinesOf([&](auto& frame) { Emit(*cpu, PressureOf::kCpu, frame); }),
      ElementsAre(
          "system.cpu.linux.pressure.total{system.pressure.stall_type=some} 1.5 s counter"));
  const auto irq = ParsePressure("full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
  ASSERT_TRUE(irq);
  EXPECT_EQ(irq->full_total_us, 7u);
}

TEST(ParsePressure, SaysWhereAMalformedFileIsWrong) {
  EXPECT_EQ(ParsePressure("").error().message, "some and full are missing");
  EXPECT_EQ(ParsePressure("some avg10=0\n").error().message, "line 1: some: no total");
  EXPECT_EQ(ParsePressure("some total=1\nfull total=x\n").error().message,
            "line 2: full: no total");
}

TEST(ParseSockstat, PutsBothFilesTogether) {
  Sockstat sockstat;
  ASSERT_TRUE(ParseSockstat("TCP6: inuse 4\nUDP6: inuse 2\n", sockstat));
  ASSERT_TRUE(
      ParseSockstat("sockets: used 17\nTCP: inuse 1 orphan 2 tw 3 alloc 5 mem 6\n"
                    "RAW: inuse 9\nUDP: inuse 7 mem 8\n",
                    sockstat));
  EXPECT_THAT(tests::LinesOf([&](auto& frame) { Emit(sockstat, 4096, frame); }),
              ElementsAre("system.linux.socket.count{} 17 {socket} updowncounter",
                          "system.linux.tcp.sockets.in_use{} 5 {socket} updowncounter",
                          "system.linux.tcp.sockets.orphaned{} 2 {socket} updowncounter",
                          "system.linux.tcp.sockets.allocated{} 5 {socket} updowncounter",
                          "system.linux.tcp.sockets.memory{} 24576 By updowncounter",
                          "system.linux.udp.sockets.in_use{} 9 {socket} updowncounter",
                          "system.linux.udp.sockets.memory{} 32768 By updowncounter",
                          "system.network.connection.count{network.connection.state=time_wait,"
                          "network.transport=tcp} 3 {connection} updowncounter"));
}

TEST(ParseSockstat, SaysWhereAMalformedFileIsWrong) {
  Sockstat sockstat;
  EXPECT_EQ(ParseSockstat("sockets: used 1\nTCP: inuse\n", sockstat).error().message,
            "line 2: TCP: inuse: no number");
}

}  // namespace
}  // namespace agent::host
