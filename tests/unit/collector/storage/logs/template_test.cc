#include <gtest/gtest.h>

#include "collector/storage/logs/template_miner.h"

namespace collector::storage {
namespace {

std::string FormOf(std::string_view body) {
  BodyWords words;
  SplitBody(body, words);
  const LogTemplate form = TemplateOf(body, words);
  EXPECT_TRUE(form.Matches(body, words)) << body;
  const std::optional<LogTemplate> back = ParseTemplate(form.Text());
  EXPECT_TRUE(back && *back == form) << form.Text();
  return form.Text();
}

TEST(TemplateOf, MakesHolesOfWhatIsSurelyAValue) {
  const auto expect = [](std::string_view body, std::string_view text) {
    EXPECT_EQ(FormOf(body), text);
  };
  expect("", "");
  expect("shutting down", "shutting down");
  expect("connection received: host=10.0.0.9 port=5",
         "connection received: host=<*>.<*>.<*>.<*> port=<*>");
  expect("relation \"orders\" does not exist", "relation \"<*>\" does not exist");
  expect("key=value other", "key=<*> other");
  expect("id 4bf92f35-77b3", "id <*>-<*>");
  expect("größe überschritten", "größe überschritten");
  expect("duration: 1.5 ms  statement: SELECT 1", "duration: <*>.<*> ms  statement: <**>");
  expect("duration: 1.5 ms  execute <unnamed>: SELECT 1",
         "duration: <*>.<*> ms  execute <unnamed>: <**>");
  expect("first line\nsecond 2", "first line<**>");
  expect("a <*> b", "<**>");
  expect("<7>", "<<*>>");
  expect("  (", "  (");
}

TEST(TemplateOf, CutsAtTheSixtyFourthWord) {
  std::string body;
  for (int i = 0; i < 70; ++i) body += "w ";
  std::string form;
  for (int i = 0; i < 63; ++i) form += "w ";
  EXPECT_EQ(FormOf(body), form + "w<**>");
}

TEST(ParseTemplate, RefusesWhatNoTemplateIs) {
  for (const std::string_view text : {"a <*", "a<*>", "<*>b", "<*><*>", "<**> a"}) {
    EXPECT_FALSE(ParseTemplate(text)) << text;
  }
}

TEST(TemplateHash, NeverChanges) {
  EXPECT_EQ(TemplateHash("postgres", "checkpoint starting: <*>"),
            TemplateHash("postgres", "checkpoint starting: <*>"));
  EXPECT_NE(TemplateHash("postgres", "x"), TemplateHash("syslog", "x"));
  EXPECT_EQ(TemplateHash("postgres", "deadlock detected"), 4698233440697025249u);
}

TEST(CanMatchWith, IsTrueOnlyForFormsThatABodyCanShare) {
  const auto shared_body = [](std::string_view a, std::string_view b) {
    return ParseTemplate(a)->CanMatchWith(*ParseTemplate(b));
  };
  EXPECT_TRUE(shared_body("a <*>", "<*> b"));
  EXPECT_TRUE(shared_body("a b", "a b"));
  EXPECT_FALSE(shared_body("a b", "a c"));
  EXPECT_FALSE(shared_body("a b", "a  b"));
  EXPECT_FALSE(shared_body("a b", "a b<**>"));
}

class Mined {
 public:
  explicit Mined(size_t limit = 4096) : miner(limit) {}
  uint32_t Add(std::string_view body) {
    SplitBody(body, words_);
    return miner.Add(body, words_);
  }
  TemplateMiner miner;

 private:
  BodyWords words_;
};

TEST(TemplateMiner, MakesHolesOfWordsThatDiffer) {
  Mined mined;
  const uint32_t first = mined.Add("session of user alice was closed by server");
  EXPECT_EQ(mined.Add("session of user bob was closed by server"), first);
  EXPECT_EQ(mined.miner.at(first).Text(), "session of user <*> was closed by server");
  // Too little in common, or another beginning.
  EXPECT_NE(mined.Add("session has been quite idle for ever now"), first);
  EXPECT_NE(mined.Add("Session of user bob was closed by server"), first);
}

TEST(TemplateMiner, KeepsFreeTextFromFillingIt) {
  Mined mined;
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) mined.Add(std::string{a, b, ' ', b, a});
  }
  EXPECT_LE(mined.miner.size(), 33u);
  EXPECT_EQ(mined.miner.at(mined.Add("zq qz")).Text(), "<*> <*>");
}

TEST(TemplateMiner, ForgetsWhatTookNothingForLongest) {
  Mined mined(8);
  for (char a = 'a'; a <= 'i'; ++a) mined.Add(std::string(static_cast<size_t>(a - 'a' + 1), a));
  const std::string newest(9, 'i');
  mined.miner.Trim();
  EXPECT_EQ(mined.miner.size(), 4u);
  EXPECT_EQ(mined.miner.at(mined.Add(newest)).Text(), newest);
  EXPECT_EQ(mined.miner.size(), 4u);
}

TEST(TemplateMiner, GoesOnWithWhatAnEarlierLifeFound) {
  Mined mined;
  mined.miner.Learn(*ParseTemplate("session of user <*> was closed by server"));
  EXPECT_EQ(mined.Add("session of user eve was closed by server"), 0u);
  EXPECT_EQ(mined.miner.size(), 1u);
}

}  // namespace
}  // namespace collector::storage
