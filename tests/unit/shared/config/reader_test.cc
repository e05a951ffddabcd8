#include "shared/config/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/file.h"
#include "tests/support/temporary_directory.h"

namespace shared::config {
namespace {

using namespace std::chrono_literals;

// Each problem's key and message, a line each, after `read` read `text`.
std::string ProblemsOf(std::string text, const std::function<void(Reader&)>& read,
                       const Environment& environment = {}) {
  Loading loading({{"t.toml", std::move(text)}}, environment);
  Reader root(loading);
  read(root);
  std::string out;
  for (const Problem& problem : loading.problems.Sorted()) {
    out += problem.key + ": " + problem.message + "\n";
  }
  return out;
}

TEST(Reader, LeavesTheDefaultOfAnAbsentOrWrongKey) {
  Loading loading({{"t.toml", "text = 1\nflag = 1\nnumber = true\nwait = 1\nsize = 1\nlist = 1"}},
                  {});
  Reader root(loading);
  std::string text = "default";
  bool flag = true;
  int number = 7;
  std::chrono::seconds wait = 3s;
  uint64_t size = 9;
  std::vector<std::string> list = {"x"};
  std::string absent = "default";
  root.String("text", text);
  root.Bool("flag", flag);
  root.Integer("number", number);
  root.Duration("wait", wait, {});
  root.Bytes("size", size);
  root.Strings("list", list);
  root.String("absent", absent);
  EXPECT_EQ(loading.problems.Sorted().size(), 6u);
  EXPECT_EQ(text + absent, "defaultdefault");
  EXPECT_TRUE(flag);
  EXPECT_EQ(number, 7);
  EXPECT_EQ(wait, 3s);
  EXPECT_EQ(size, 9u);
  EXPECT_THAT(list, testing::ElementsAre("x"));
}

TEST(Reader, TakesNumbersAndBooleansFromReferences) {
  const Environment environment = {{"PORT", "5433"}, {"ON", "true"}, {"WAIT", "2s"}, {"BAD", "x"}};
  Loading loading({{"t.toml",
                    "port = \"${env:PORT}\"\non = \"${env:ON}\"\nwait = \"${env:WAIT}\"\n"
                    "plain = \"5433\"\nbad = \"${env:BAD}\"\nbadflag = \"${env:BAD}\""}},
                  environment);
  Reader root(loading);
  uint16_t port = 0;
  bool on = false;
  std::chrono::milliseconds wait{};
  int other = 0;
  root.Integer("port", port, {.min = 1, .max = 65535});
  root.Bool("on", on);
  root.Duration("wait", wait, {});
  root.Integer("plain", other);
  root.Integer("bad", other);
  root.Bool("badflag", on);
  EXPECT_EQ(port, 5433);
  EXPECT_TRUE(on);
  EXPECT_EQ(wait, 2s);
  EXPECT_EQ(loading.settings.Find("port")->origin, "t.toml:1, env PORT");
  std::string messages;
  for (const Problem& problem : loading.problems.Sorted()) messages += problem.message + "\n";
  EXPECT_EQ(messages,
            "expected an integer, found a string\n"
            "expected an integer behind the reference\n"
            "expected true or false behind the reference\n");
}

TEST(Reader, HoldsBoundsOnBothSides) {
  const auto read = [](Reader& root) {
    int number = 0;
    std::chrono::milliseconds wait{};
    uint64_t size = 0;
    root.Integer("number", number, {.min = -1, .max = 3});
    root.Duration("wait", wait, {.min = 1s, .max = 1min});
    root.Bytes("size", size, {.min = 10, .max = 2048});
  };
  EXPECT_EQ(ProblemsOf("number = -1\nwait = \"1s\"\nsize = \"10B\"", read), "");
  EXPECT_EQ(ProblemsOf("number = 3\nwait = \"1m\"\nsize = \"2KiB\"", read), "");
  EXPECT_EQ(ProblemsOf("number = -2\nwait = \"999ms\"\nsize = \"9B\"", read),
            "number: -2 is out of range: it must be from -1 to 3\n"
            "wait: \"999ms\" is out of range: it must be from 1s to 1m\n"
            "size: \"9B\" is out of range: it must be from 10B to 2KiB\n");
  EXPECT_EQ(ProblemsOf("number = 4\nwait = \"61s\"\nsize = \"3KiB\"", read),
            "number: 4 is out of range: it must be from -1 to 3\n"
            "wait: \"61s\" is out of range: it must be from 1s to 1m\n"
            "size: \"3KiB\" is out of range: it must be from 10B to 2KiB\n");
}

TEST(Reader, RefusesADurationThatItsUnitCannotHold) {
  EXPECT_EQ(ProblemsOf("wait = \"1500ms\"",
                       [](Reader& root) {
                         std::chrono::seconds wait{};
                         root.Duration("wait", wait, {});
                       }),
            "wait: \"1500ms\" is too fine: it must be a multiple of 1s\n");
}

TEST(Reader, ReadsEnumsByName) {
  enum class Colour { kRed, kGreen };
  constexpr std::pair<std::string_view, Colour> kNames[] = {{"red", Colour::kRed},
                                                            {"green", Colour::kGreen}};
  Colour colour = Colour::kRed;
  const auto read = [&](Reader& root) { root.Enum<Colour>("colour", colour, kNames); };
  EXPECT_EQ(ProblemsOf("colour = \"green\"", read), "");
  EXPECT_EQ(colour, Colour::kGreen);
  EXPECT_EQ(ProblemsOf("colour = \"blue\"", read),
            "colour: expected \"red\" or \"green\", found \"blue\"\n");
  EXPECT_EQ(colour, Colour::kGreen);
}

TEST(Reader, RejectsUnknownKeysAndProposesTheNearest) {
  Loading loading({{"t.toml", "[s]\nintervall = 1\nunlike = 2\ninterval = 3"}}, {});
  Reader section = Reader(loading).Section("s");
  int interval = 0;
  section.Integer("interval", interval);
  section.RejectUnknownKeys();
  EXPECT_EQ(loading.problems.ToText(),
            "t.toml:2:1: unknown key 's.intervall'; did you mean 'interval'?\n"
            "     2 | intervall = 1\n"
            "       | ^~~~~~~~~\n"
            "t.toml:3:1: unknown key 's.unlike'\n"
            "     3 | unlike = 2\n"
            "       | ^~~~~~\n"
            "       = known here: interval\n");
}

TEST(Reader, PointsAtTheSectionOfAnAbsentKey) {
  Loading loading({{"t.toml", "x = 1\n[s]\ny = 2"}}, {});
  Reader root(loading);
  EXPECT_EQ(root.Section("s").Where("absent").line, 2u);
  EXPECT_EQ(root.Section("s").Where("y").line, 3u);
  EXPECT_EQ(root.Section("absent").Where("y").line, 0u);
}

TEST(Reader, ReadsFreeTables) {
  Loading loading({{"t.toml", "[labels]\nenv = \"${env:E}\"\n\"a b\" = \"\"\nbad = 1"}},
                  {{"E", "prod"}});
  Reader root(loading);
  std::map<std::string, std::string> labels;
  root.StringMap("labels", labels);
  EXPECT_EQ(labels["env"], "prod");
  EXPECT_EQ(labels["a b"], "");
  ASSERT_EQ(loading.problems.Sorted().size(), 1u);
  EXPECT_EQ(loading.problems.Sorted()[0].key, "labels.bad");
}

class ReaderSecret : public testing::Test {
 protected:
  void Write(std::string_view content, unsigned mode) {
    ASSERT_TRUE(WriteFileDurably(path_, content, mode));
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  // The problems of reading `text` into `secret_`.
  std::string Read(const std::string& text, const Environment& environment = {}) {
    secret_ = shared::Secret();
    Loading loading({{"t.toml", text}}, environment);
    Reader root(loading);
    root.Secret("key", secret_);
    shown_ = loading.settings.ToText();
    return loading.problems.ToText();
  }
  tests::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "secret";
  shared::Secret secret_;
  std::string shown_;
};

TEST_F(ReaderSecret, ComesFromTheValueOrAReference) {
  EXPECT_EQ(Read("key = \"geheim\""), "");
  EXPECT_EQ(secret_.Reveal(), "geheim");
  EXPECT_EQ(shown_, "key = \"***\"  # t.toml:1\n");
  EXPECT_EQ(Read("key = \"${env:KEY}\"", {{"KEY", "geheim2"}}), "");
  EXPECT_EQ(secret_.Reveal(), "geheim2");
  EXPECT_EQ(shown_, "key = \"***\"  # t.toml:1, env KEY\n");
}

TEST_F(ReaderSecret, ComesFromAFile) {
  Write("geheim\n", 0600);
  EXPECT_EQ(Read("key_file = \"" + path_ + "\""), "");
  EXPECT_EQ(secret_.Reveal(), "geheim");
  EXPECT_EQ(shown_, "key = \"***\"  # t.toml:1, file " + path_ + "\n");
}

TEST_F(ReaderSecret, IsNotTakenTwice) {
  EXPECT_EQ(Read("key = \"geheim\"\nkey_file = \"/x\""),
            "t.toml:2:1: key_file: key is set too, in t.toml:1:1\n"
            "     2 | key_file = \"/x\"\n"
            "       | ^~~~~~~~\n"
            "       = keep one of the two\n");
}

TEST_F(ReaderSecret, IsNotTakenFromAFileThatOthersMayRead) {
  Write("geheim\n", 0644);
  const std::string message =
      path_ + " is open to group or others (mode 0644); run: chmod 600 " + path_;
  EXPECT_EQ(Read("key_file = \"" + path_ + "\"").substr(0, message.size() + 23),
            "t.toml:1:12: key_file: " + message);
  EXPECT_EQ(Read("key = \"${file:" + path_ + "}\"").substr(0, message.size() + 17),
            "t.toml:1:7: key: " + message);
  EXPECT_TRUE(secret_.empty());
}

TEST_F(ReaderSecret, MustBeOneLine) {
  Write("geheim\ngeheim\n", 0600);
  const std::string problems = Read("key_file = \"" + path_ + "\"");
  EXPECT_NE(
      problems.find("key_file: the secret contains a line break or another control character\n"),
      std::string::npos)
      << problems;
  Write("\n", 0600);
  EXPECT_NE(Read("key_file = \"" + path_ + "\"").find("key_file: the secret is empty\n"),
            std::string::npos);
  EXPECT_NE(Read("key = \"\"").find("key: the secret is empty\n"), std::string::npos);
}

TEST_F(ReaderSecret, IsInNoMessage) {
  EXPECT_EQ(Read("key = 12345"),
            "t.toml:1:7: key: expected a string, found an integer\n"
            "     1 | key = ***\n"
            "       |       ^~~\n"
            "       = put it in quotes\n");
}

TEST(ReaderUrl, RefusesPlaceholders) {
  constexpr std::array<std::string_view, 2> kSchemes = {"https", "http"};
  const auto read = [&](Reader& root) {
    std::string url;
    root.HttpUrl("url", url, {.schemes = kSchemes, .required = true, .refuse_placeholder = true});
  };
  for (const std::string host :
       {"example.com", "x.example.org", "a.EXAMPLE", "b.invalid", "changeme"}) {
    EXPECT_EQ(ProblemsOf("url = \"http://" + host + ":1\"", read),
              "url: " + host + " is the example's placeholder\n");
  }
  for (const std::string host : {"notexample.com", "example.company", "10.0.0.1"}) {
    EXPECT_EQ(ProblemsOf("url = \"http://" + host + "\"", read), "");
  }
  EXPECT_EQ(ProblemsOf("url = \"http://u@h\"", read), "url: must not hold a user or password\n");
  EXPECT_EQ(ProblemsOf("url = \"\"", read),
            "url: not a URL: it does not begin with a scheme such as https://\n");
}

}  // namespace
}  // namespace shared::config
