#include "shared/config/problems.h"

#include <gtest/gtest.h>

namespace shared::config {
namespace {

TEST(Problems, PrintPlaceLineAndCaret) {
  Problems problems;
  const size_t source = problems.AddSource("a.toml", "x = 1\n\ty = \"ü\" # z\r\nz");
  problems.Add(Place{source, 2, 6, 3}, "s.y", "is wrong", "make it right");
  EXPECT_EQ(problems.ToText(),
            "a.toml:2:6: s.y: is wrong\n"
            "     2 | \ty = \"ü\" # z\n"
            "       | \t    ^~~\n"
            "       = make it right\n");
}

TEST(Problems, UnderlineNoMoreThanTheLine) {
  Problems problems;
  const size_t source = problems.AddSource("a.toml", "abc");
  problems.Add(Place{source, 1, 2, 100}, "", "m");
  problems.Add(Place{source, 1, 4, 1}, "", "n");
  EXPECT_EQ(problems.ToText(),
            "a.toml:1:2: m\n     1 | abc\n       |  ^~\n"
            "a.toml:1:4: n\n     1 | abc\n       |    ^\n");
}

TEST(Problems, ComeInTheOrderOfFilesAndPlaces) {
  Problems problems;
  const size_t first = problems.AddSource("z.toml", "1\n2\n");
  const size_t second = problems.AddSource("a.toml", "1\n2\n");
  problems.Add(Place{second, 1, 1, 1}, "", "five");
  problems.Add(Place{first, 2, 1, 1}, "", "four");
  problems.Add(Place{first, 1, 2, 1}, "", "two");
  problems.Add(Place{first, 1, 2, 1}, "", "three");
  problems.Add(Place{first, 0, 0, 1}, "", "one");
  std::string order;
  for (const Problem& problem : problems.Sorted()) order += problem.message + " ";
  EXPECT_EQ(order, "one two three four five ");
}

TEST(Problems, AreJsonForPrograms) {
  Problems problems;
  EXPECT_EQ(problems.ToJson(), "[]");
  const size_t source = problems.AddSource("a\"b.toml", "x");
  problems.Add(Place{source, 1, 1, 1}, "k", "m\n", "f");
  problems.Add(Place{source, 0, 0, 1}, "", "whole");
  EXPECT_EQ(problems.ToJson(),
            R"([{"file":"a\"b.toml","line":0,"column":0,"key":"","message":"whole","fix":""},)"
            R"({"file":"a\"b.toml","line":1,"column":1,"key":"k","message":"m\n","fix":"f"}])");
}

TEST(MaskLine, HidesWhatSoundsSecret) {
  const auto expect = [](std::string_view line, std::string_view shown) {
    EXPECT_EQ(MaskLine(line), shown);
  };
  expect("interval = \"10s\"", "interval = \"10s\"");
  expect("password = \"geheim\" # note", "password = ***");
  expect("pasword=\"geheim\"", "pasword= ***");
  expect("\"api_key\" = \"geheim\"", "\"api_key\" = ***");
  expect("API_KEY: geheim", "API_KEY: ***");
  expect("a = { x = 1, password = \"geheim\", y = 2 }", "a = { x = 1, password = ***");
  expect("password_file = \"/etc/key\"", "password_file = \"/etc/key\"");
  expect("proxy = \"http://u:geheim@h:1/\"", "proxy = \"http://***@h:1/\"");
  expect("url = \"http://h/a@b\"", "url = \"http://h/a@b\"");
  expect("x = \"\x1b[31m\xff\"", "x = \"?[31m\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace shared::config
