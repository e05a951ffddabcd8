#include "collector/access/network.h"

#include <gtest/gtest.h>

#include <string_view>

namespace collector::access {
namespace {

TEST(ParseAddress, ReadsBothFamiliesAndNothingElse) {
  for (const std::string_view text :
       {"10.1.2.3", "::1", "2001:db8::1", "fe80::1%eth0", "::ffff:10.1.2.3"}) {
    EXPECT_TRUE(ParseAddress(text)) << text;
  }
  for (const std::string_view text : {"", "10.1.2", "10.1.2.3.4", "10.1.2.3:80", "10.1.2.3%eth0",
                                      "010.1.2.3", " 10.1.2.3", "localhost", "[::1]", "::1/128"}) {
    EXPECT_FALSE(ParseAddress(text)) << text;
  }
  EXPECT_EQ(ParseAddress("::ffff:10.1.2.3"), ParseAddress("10.1.2.3"));
  EXPECT_FALSE(ParseAddress(std::string_view("10.1.2.3\0x", 10)));
}

TEST(IsLoopback, IsThisMachineInBothFamilies) {
  for (const std::string_view text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopback(*ParseAddress(text))) << text;
  }
  for (const std::string_view text : {"128.0.0.1", "10.0.0.1", "::2", "::", "::127.0.0.1"}) {
    EXPECT_FALSE(IsLoopback(*ParseAddress(text))) << text;
  }
}

TEST(Network, ContainsWhatItsPrefixCovers) {
  const auto contains = [](std::string_view network, std::string_view address) {
    const auto parsed = ParseNetwork(network);
    EXPECT_TRUE(parsed) << network;
    return parsed && parsed->Contains(*ParseAddress(address));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(contains("10.1.2.128/25", "10.1.2.128"));
  EXPECT_FALSE(contains("10.1.2.128/25", "10.1.2.127"));
  EXPECT_TRUE(contains("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(contains("10.1.2.3", "10.1.2.2"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1")) << "all of IPv4 is not IPv6";
  EXPECT_TRUE(contains("::/0", "10.1.2.3"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(ParseNetwork, SaysWhatIsWrong) {
  const auto expect = [](std::string_view text, std::string_view message) {
    const auto network = ParseNetwork(text);
    ASSERT_FALSE(network) << text;
    EXPECT_EQ(network.error().message, message);
  };
  expect("", "'': expected an address or a block like 10.0.0.0/8");
  expect("office", "'office': expected an address or a block like 10.0.0.0/8");
  expect("fe80::%eth0/64", "'fe80::%eth0/64': expected an address or a block like 10.0.0.0/8");
  expect("10.0.0.0/33", "'10.0.0.0/33': the prefix must be a number from 0 to 32");
  expect("10.0.0.0/", "'10.0.0.0/': the prefix must be a number from 0 to 32");
  expect("::/129", "'::/129': the prefix must be a number from 0 to 128");
  expect("10.0.0.1/8", "'10.0.0.1/8': bits right of the prefix are set; the block is 10.0.0.0/8");
}

TEST(ParseNetworks, ReadsAListAndWritesItBack) {
  const auto networks = ParseNetworks("10.0.0.0/8, 192.168.1.4,2001:db8::/32");
  ASSERT_TRUE(networks) << networks.error().message;
  EXPECT_EQ(FormatNetworks(*networks), "10.0.0.0/8,192.168.1.4/32,2001:db8::/32");
  EXPECT_TRUE(ParseNetworks("")->empty());
  EXPECT_EQ(ParseNetworks("10.0.0.0/8,").error().message, "a block is missing after the comma");
  EXPECT_EQ(ParseNetworks("10.0.0.0/8,,::1").error().message,
            "'': expected an address or a block like 10.0.0.0/8");
}

}  // namespace
}  // namespace collector::access
