#include "collector/api/selector_text.h"

#include <gtest/gtest.h>

namespace {

using collector::api::Matcher;
using collector::api::MatchOp;
using collector::api::ParseSelector;

TEST(ParseSelector, ReadsWhatPrometheusWrites) {
  const auto expect = [](std::string_view text, const std::vector<Matcher>& wanted) {
    const auto matchers = ParseSelector(text);
    ASSERT_TRUE(matchers) << text << ": " << matchers.error().message;
    EXPECT_EQ(*matchers, wanted) << text;
  };
  const Matcher metric{"__name__", MatchOp::kEqual, "system.cpu.time"};
  expect("system.cpu.time", {metric});
  expect(" system.cpu.time { } ", {metric});
  expect("{}", {});
  expect(R"({"system.cpu.time"})", {metric});
  expect(R"({"system.cpu.time",host="a",})", {metric, {"host", MatchOp::kEqual, "a"}});
  expect(R"(system.cpu.time{host=~"db.*",cpu.mode!='idle', "a b" !~ `\d`,x=""})",
         {metric,
          {"host", MatchOp::kMatches, "db.*"},
          {"cpu.mode", MatchOp::kNotEqual, "idle"},
          {"a b", MatchOp::kNotMatches, R"(\d)"},
          {"x", MatchOp::kEqual, ""}});
  expect(R"({a="\"\\\n\x41\101\u00e9\U0001F600"})",
         {{"a", MatchOp::kEqual, "\"\\\nAA\u00e9\U0001F600"}});
}

TEST(ParseSelector, SaysWhereATextIsWrong) {
  const auto expect_error = [](std::string_view text, std::string_view message) {
    const auto matchers = ParseSelector(text);
    ASSERT_FALSE(matchers) << text;
    EXPECT_EQ(matchers.error().message, message) << text;
  };
  expect_error("", "position 1: expected a metric or '{'");
  expect_error("a b", "position 3: expected '{' or the end");
  expect_error("{a=\"b\"} x", "position 9: expected the end");
  expect_error("{host}", "position 6: expected =, !=, =~ or !~ after 'host'");
  expect_error("{\"host\" x}", "position 9: expected =, !=, =~ or !~ after 'host'");
  expect_error("{=\"a\"}", "position 2: expected a label or '}'");
  expect_error("{a=b}", "position 4: expected a string in quotes");
  expect_error("{a=\"b\" c=\"d\"}", "position 8: expected ',' or '}'");
  expect_error("{a=\"b\"", "position 7: expected ',' or '}'");
  expect_error("{a=\"b", "position 4: a string without an end");
  expect_error("{\"\"=\"b\"}", "position 2: an empty name");
  expect_error(R"({a="\q"})", "position 5: an unknown escape");
  expect_error(R"({a="\x4"})", "position 5: an unknown escape");
  expect_error(R"({a="\uD800"})", "position 5: an unknown escape");
  std::string many = "{";
  for (int i = 0; i < 65; ++i) many += "a=\"b\",";
  expect_error(many + "}", "position 386: more than 64 matchers");
}

}  // namespace
