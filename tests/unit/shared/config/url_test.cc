#include "shared/config/url.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace shared::config {
namespace {

TEST(ParseUrl, GivesTheParts) {
  const Result<Url> url = ParseUrl("HTTPS://user:p%40ss@db-1.internal:8480/base/path");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->userinfo, "user:p%40ss");
  EXPECT_EQ(url->host, "db-1.internal");
  EXPECT_EQ(url->port, 8480);
  EXPECT_EQ(url->path, "/base/path");
}

TEST(ParseUrl, LeavesOutWhatIsAbsent) {
  const Result<Url> url = ParseUrl("http://[::1]");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->userinfo, "");
  EXPECT_EQ(url->host, "[::1]");
  EXPECT_EQ(url->port, 0);
  EXPECT_EQ(url->path, "");
}

TEST(ParseUrl, SaysWhatIsWrong) {
  const auto expect = [](std::string_view text, std::string_view message) {
    const Result<Url> url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message, message) << text;
  };
  expect("", "it does not begin with a scheme such as https://");
  expect("host:8480", "it does not begin with a scheme such as https://");
  expect("://host", "it does not begin with a scheme such as https://");
  expect("http://a b", "there is white space in it");
  expect("http://a\r\nX: y", "there is white space in it");
  expect("http://", "it names no valid host");
  expect("http://:80", "it names no valid host");
  expect("http://<host>", "it names no valid host");
  expect("http://[::1", "it names no valid host");
  expect("http://[x]", "it names no valid host");
  expect("http://[::1]80", "it names no valid host");
  expect("http://h:0", "its port is not a number from 1 to 65535");
  expect("http://h:", "its port is not a number from 1 to 65535");
  expect("http://h:65536", "its port is not a number from 1 to 65535");
  expect("http://h:80:90", "its port is not a number from 1 to 65535");
  expect("http://h/?q", "it has a '?' or '#' part");
  expect("http://h#f", "it has a '?' or '#' part");
}

TEST(ParseListenAddress, TakesIpAddressesOnly) {
  const auto expect = [](std::string_view text, std::string_view address, uint16_t port) {
    const Result<ListenAddress> parsed = ParseListenAddress(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, (ListenAddress{std::string(address), port})) << text;
    EXPECT_EQ(FormatListenAddress(*parsed), text);
  };
  expect("127.0.0.1:8480", "127.0.0.1", 8480);
  expect("0.0.0.0:0", "0.0.0.0", 0);
  expect("[::1]:80", "::1", 80);
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const Result<ListenAddress> parsed = ParseListenAddress(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, message) << text;
  };
  expect_error("", "the port is missing");
  expect_error("127.0.0.1", "the port is missing");
  expect_error("[::1]", "the port is missing");
  expect_error("8480", "the port is missing");
  expect_error(":8480", "what stands before the port is not an IP address");
  expect_error("localhost:80", "what stands before the port is not an IP address");
  expect_error("127.0.0.1:http", "the port is not a number from 0 to 65535");
  expect_error("127.0.0.1:65536", "the port is not a number from 0 to 65535");
}

TEST(IsLoopback, KnowsWhatOthersCannotReach) {
  for (const char* address : {"127.0.0.1", "127.1.2.3", "::1"}) {
    EXPECT_TRUE(IsLoopback(ListenAddress{address, 1})) << address;
  }
  for (const char* address : {"0.0.0.0", "::", "10.0.0.1", "12.7.0.1", "::11"}) {
    EXPECT_FALSE(IsLoopback(ListenAddress{address, 1})) << address;
  }
}

}  // namespace
}  // namespace shared::config
