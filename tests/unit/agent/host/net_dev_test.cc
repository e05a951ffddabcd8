#include "agent/host/net_dev.h"

#include <gtest/gtest.h>

namespace agent::host {
namespace {

constexpr std::string_view kHeadings = "Inter-|   Receive | Transmit\n face |bytes |bytes\n";

TEST(ParseNetDev, ReadsBothDirections) {
  std::vector<NetInterface> interfaces;
  const std::string text = std::string(kHeadings) +
                           "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n" +
                           "eth0:1:4294967296 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
  ASSERT_TRUE(ParseNetDev(text, interfaces));
  ASSERT_EQ(interfaces.size(), 2u);
  EXPECT_EQ(interfaces[0].name, "lo");
  EXPECT_EQ(interfaces[0].received.bytes, 1u);
  EXPECT_EQ(interfaces[0].received.dropped, 4u);
  EXPECT_EQ(interfaces[0].sent.bytes, 9u);
  EXPECT_EQ(interfaces[0].sent.errors, 11u);
  EXPECT_EQ(interfaces[1].name, "eth0:1");
  EXPECT_EQ(interfaces[1].received.bytes, 4'294'967'296u);
}

TEST(ParseNetDev, SaysWhereAMalformedFileIsWrong) {
  const auto expect_error = [](std::string_view line, std::string_view message) {
    std::vector<NetInterface> interfaces;
    const std::string text = std::string(kHeadings) + std::string(line);
    const auto parsed = ParseNetDev(text, interfaces);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.error().message, message) << line;
  };
  expect_error("eth0 1 2 3\n", "line 3: no ':'");
  std::vector<NetInterface> interfaces;
  EXPECT_EQ(ParseNetDev("", interfaces).error().message, "the headings are missing");
  EXPECT_EQ(ParseNetDev("eth0: 1\n", interfaces).error().message, "line 1: no heading");
  expect_error("eth0: 1 2 3\n", "line 3: interface 'eth0': a column is missing or no number");
  expect_error("eth0: 1 2 3 x 5 6 7 8 9 10 11 12 13 14 15 16\n",
               "line 3: interface 'eth0': a column is missing or no number");
  expect_error("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n",
               "line 3: interface 'eth0': a column is missing or no number");
}

}  // namespace
}  // namespace agent::host
