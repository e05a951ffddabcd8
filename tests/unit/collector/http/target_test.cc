#include "collector/http/target.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using collector::http::ParseTarget;
using collector::http::Target;
using Query = std::vector<std::pair<std::string, std::string>>;

TEST(ParseTarget, TakesPathAndQueryApart) {
  const auto expect = [](std::string_view text, const std::vector<std::string>& parts,
                         const Query& query) {
    const shared::Result<Target> target = ParseTarget(text);
    ASSERT_TRUE(target) << text << ": " << target.error().message;
    EXPECT_EQ(target->parts, parts) << text;
    EXPECT_EQ(target->query, query) << text;
  };
  expect("/", {}, {});
  expect("/a/b", {"a", "b"}, {});
  expect("/a/b/", {"a", "b"}, {});
  expect("/a%20b/c", {"a b", "c"}, {});
  expect("/a?x=1&y=2", {"a"}, {{"x", "1"}, {"y", "2"}});
  expect("/a?x=a+b%2Bc&x=&flag", {"a"}, {{"x", "a b+c"}, {"x", ""}, {"flag", ""}});
  expect("/a?q=%C3%A9#fragment", {"a"}, {{"q", "é"}});
  expect("/a?&&x=1&", {"a"}, {{"x", "1"}});
}

TEST(ParseTarget, KeepsAnEncodedSlashInsideItsPart) {
  const shared::Result<Target> target = ParseTarget("/api/..%2Fsecret/x");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->parts, (std::vector<std::string>{"api", "../secret", "x"}));
}

TEST(ParseTarget, SaysWhereATargetIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const shared::Result<Target> target = ParseTarget(text);
    ASSERT_FALSE(target) << text;
    EXPECT_EQ(target.error().code, shared::ErrorCode::kMalformed);
    EXPECT_EQ(target.error().message, message) << text;
  };
  expect_error("", "request target, byte 0: must begin with '/'");
  expect_error("http://host/", "request target, byte 0: must begin with '/'");
  expect_error("/a/%2", "request target, byte 3: '%' must be followed by two hexadecimal digits");
  expect_error("/a/%zz/b",
               "request target, byte 3: '%' must be followed by two hexadecimal digits");
  expect_error("/a?x=%0d%0aSet-Cookie", "request target, byte 5: control character 0x0d");
  expect_error("/a/%00", "request target, byte 3: control character 0x00");
  expect_error("/a/%ff", "request target, byte 3: not UTF-8");
  expect_error("/a/../b", "request target, byte 3: path part '..'");
  expect_error("/a/%2e%2e/b", "request target, byte 3: path part '..'");
}

}  // namespace
