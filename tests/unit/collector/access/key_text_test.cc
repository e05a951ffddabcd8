#include "collector/access/key_text.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "shared/text/hex.h"

namespace collector::access {
namespace {

// Made outside of this program: zlib's crc32 in base 62.
constexpr const char* kSound = "pgv_k3x9m2q7bw_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq4IPwzi";

TEST(MakeKey, MakesKeysThatParse) {
  std::set<std::string> ids;
  std::set<std::string> texts;
  std::set<char> letters;
  for (int i = 0; i < 200; ++i) {
    const auto key = MakeKey();
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->text.Reveal().size(), kKeySize);
    const auto shown = ParseKey(key->text.Reveal());
    ASSERT_TRUE(shown) << shown.error().message;
    EXPECT_EQ(shown->id, key->id);
    EXPECT_EQ(key->hash, HashKey(shown->text));
    ids.insert(key->id);
    texts.insert(key->text.Reveal().substr(15));
    for (const char letter : key->text.Reveal().substr(15, 43)) letters.insert(letter);
  }
  EXPECT_EQ(ids.size(), 200u);
  EXPECT_EQ(texts.size(), 200u);
  EXPECT_EQ(letters.size(), 62u);
}

TEST(ParseKey, TakesAKeyOfAnotherMaker) {
  const auto shown = ParseKey(kSound);
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(shown->id, "k3x9m2q7bw");
  EXPECT_EQ(shared::text::ToHex(HashKey(shown->text)),
            "4f16c78f2ea47c2767f43ee9ef20fbe6fa10a523f3caf1eca9b9841dd323ceb9");
}

TEST(ParseKey, SeesEveryMistypedCharacter) {
  const std::string sound = kSound;
  for (size_t i = 0; i < sound.size(); ++i) {
    std::string wrong = sound;
    wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(ParseKey(wrong)) << i;
    EXPECT_FALSE(ParseKey(sound.substr(0, i))) << i;
  }
}

TEST(ParseKey, SaysWhatIsWrongAndNeverTheText) {
  const auto expect = [](const std::string& text, std::string_view message) {
    const auto shown = ParseKey(text);
    ASSERT_FALSE(shown);
    EXPECT_EQ(shown.error().message, message);
  };
  const std::string sound = kSound;
  expect("", "not an API key of pgvigil: it must begin with pgv_");
  expect("hunter2", "not an API key of pgvigil: it must begin with pgv_");
  expect("pgv_hunter2", "not an API key of pgvigil: 11 characters, expected 64");
  expect(sound + "x", "not an API key of pgvigil: 65 characters, expected 64");
  expect(sound.substr(0, 63) + "~",
         "not an API key of pgvigil: it was mistyped, its last 6 characters do not fit the others");
}

TEST(SameHash, ComparesAllBytes) {
  const std::string hash(32, 'h');
  EXPECT_TRUE(SameHash(hash, std::string(32, 'h')));
  EXPECT_FALSE(SameHash(hash, std::string(31, 'h')));
  for (size_t i = 0; i < hash.size(); ++i) {
    std::string other = hash;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(SameHash(hash, other)) << i;
  }
}

}  // namespace
}  // namespace collector::access
