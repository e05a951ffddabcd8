#include "agent/host/glob.h"

#include <gtest/gtest.h>

namespace agent::host {
namespace {

TEST(GlobMatches, TakesAStarForAnyBytesAndTheRestAsItIs) {
  const auto expect = [](bool matches, std::string_view pattern, std::string_view text) {
    EXPECT_EQ(GlobMatches(pattern, text), matches) << pattern << " on " << text;
  };
  expect(true, "loop*", "loop0");
  expect(true, "loop*", "loop");
  expect(false, "loop*", "xloop0");
  expect(true, "*", "");
  expect(true, "", "");
  expect(false, "", "a");
  expect(true, "/run/*", "/run/user/1000");
  expect(false, "/run/*", "/run");
  expect(true, "a*b*c", "aXXbYYbZc");
  expect(false, "a*b*c", "aXXbYY");
  expect(true, "**a", "bca");
  expect(false, "[a]?", "ax");  // no other sign means anything
  expect(true, "[a]?", "[a]?");
}

TEST(AnyGlobMatches, IsFalseWithoutPatterns) {
  EXPECT_FALSE(AnyGlobMatches({}, "a"));
  EXPECT_TRUE(AnyGlobMatches({"b", "a*"}, "ab"));
}

}  // namespace
}  // namespace agent::host
