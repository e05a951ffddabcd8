#include "shared/config/loading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shared/base/file.h"
#include "shared/config/reader.h"
#include "tests/support/temporary_directory.h"

namespace shared::config {
namespace {

std::vector<std::string> Paths(const std::vector<SourceFile>& files) {
  std::vector<std::string> out;
  for (const SourceFile& file : files) out.push_back(file.path);
  return out;
}

TEST(ReadSourceFiles, ReadsConfDInTheOrderOfNames) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(MakeDirectories(directory / "conf.d"));
  for (const std::string name : {"20-b.toml", "10-a.toml", ".hidden.toml", "x.conf", "y.toml~"}) {
    ASSERT_TRUE(WriteFileDurably(directory / ("conf.d/" + name), name));
  }
  ASSERT_TRUE(WriteFileDurably(directory / "main.toml", "m = 1"));
  const std::vector<SourceFile> files = ReadSourceFiles(directory / "main.toml");
  EXPECT_THAT(Paths(files),
              testing::ElementsAre(directory / "main.toml", directory / "conf.d/10-a.toml",
                                   directory / "conf.d/20-b.toml"));
  EXPECT_EQ(files[0].text.value_or(""), "m = 1");
  EXPECT_EQ(files[2].text.value_or(""), "20-b.toml");
}

TEST(ReadSourceFiles, NeedsNoConfD) {
  const tests::TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileDurably(directory / "main.toml", "m = 1"));
  EXPECT_THAT(Paths(ReadSourceFiles(directory / "main.toml")),
              testing::ElementsAre(directory / "main.toml"));
}

TEST(Loading, ReportsAFileThatIsNotThere) {
  const tests::TemporaryDirectory directory;
  const std::string path = directory / "main.toml";
  const Loading loading(ReadSourceFiles(path), {});
  EXPECT_FALSE(loading.complete());
  EXPECT_EQ(loading.problems.ToText(), path + ": open " + path + ": No such file or directory\n");
}

TEST(Loading, UnitesSectionsAndAppendsLists) {
  Loading loading({{"main.toml", "[s]\na = 1\n[[l]]\nn = 1"},
                   {"1.toml", "[s]\nb = 2\n[s.t]\nc = 3\n[[l]]\nn = 2"},
                   {"2.toml", "s.t.d = 4\n[[l]]\nn = 3"}},
                  {});
  EXPECT_EQ(loading.problems.ToText(), "");
  Reader root(loading);
  Reader section = root.Section("s");
  int a = 0, b = 0, c = 0, d = 0;
  section.Integer("a", a);
  section.Integer("b", b);
  Reader inner = section.Section("t");
  inner.Integer("c", c);
  inner.Integer("d", d);
  EXPECT_EQ(a * 1000 + b * 100 + c * 10 + d, 1234);
  std::vector<int> numbers;
  for (Reader& element : root.Sections("l")) element.Integer("n", numbers.emplace_back());
  EXPECT_THAT(numbers, testing::ElementsAre(1, 2, 3));
  EXPECT_EQ(loading.settings.Find("l[2].n")->origin, "2.toml:3");
}

TEST(Loading, NamesBothPlacesOfAKeyThatIsSetTwice) {
  const Loading loading({{"main.toml", "[s]\na = 1\nx = [1]"}, {"1.toml", "s.a = 2\ns.x = [2]"}},
                        {});
  EXPECT_EQ(loading.problems.ToText(),
            "1.toml:1:3: s.a: already set in main.toml:2:1\n"
            "     1 | s.a = 2\n"
            "       |   ^\n"
            "       = keep one of the two\n"
            "1.toml:2:3: s.x: already set in main.toml:3:1\n"
            "     2 | s.x = [2]\n"
            "       |   ^\n"
            "       = keep one of the two\n");
}

TEST(Loading, GoesOnBehindASyntaxError) {
  Loading loading({{"main.toml", "a = 1 1\nb = 2\n[x\nb = 3\n[y]\nc = 4\nd = \n"}}, {});
  EXPECT_FALSE(loading.complete());
  EXPECT_EQ(loading.problems.Sorted().size(), 3u) << loading.problems.ToText();
  Reader root(loading);
  int b = 0;
  root.Integer("b", b);
  EXPECT_EQ(b, 2);  // not that of the section whose header is broken
  int c = 0;
  root.Section("y").Integer("c", c);
  EXPECT_EQ(c, 4);
}

TEST(Loading, RefusesWhatWouldGoTooDeep) {
  const Loading loading({{"main.toml", std::string(4097, 'a') + " = 1"}}, {});
  EXPECT_EQ(loading.problems.ToText(), "main.toml: line 1 is longer than 4096 bytes\n");
  std::string deep = "a";
  while (deep.size() + 2 < 4000) deep += ".a";
  const Loading dotted({{"main.toml", deep + " = 1"}}, {});  // must not exhaust the stack
  EXPECT_NE(dotted.problems.ToText().find("nested more than 32 levels deep"), std::string::npos)
      << dotted.problems.ToText();
}

TEST(Loading, ReportsLettersOutsideOfQuotes) {
  const Loading loading({{"main.toml", "gr\u00f6\u00dfe = 1\n"}}, {});
  EXPECT_FALSE(loading.problems.empty());
}

TEST(Loading, SurvivesAHeaderWithoutAKey) {
  const Loading loading({{"main.toml", "[.]\n[[e\n[.]]"}}, {});
  EXPECT_EQ(loading.problems.ToText().substr(0, 92),
            "main.toml:1:2: syntax error: expected bare key starting character or string "
            "delimiter, saw '");
}

TEST(Loading, SurvivesBytesThatAreNoText) {
  const Loading loading({{"main.toml", std::string("a = \"\xff\xfe\"\nb = \0\n", 16)}}, {});
  EXPECT_FALSE(loading.problems.empty());
  EXPECT_FALSE(loading.complete());
}

}  // namespace
}  // namespace shared::config
