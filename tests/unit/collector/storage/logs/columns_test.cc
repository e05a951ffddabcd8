#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "collector/storage/logs/number_column.h"
#include "collector/storage/logs/word_column.h"
#include "shared/wire/zstd.h"

namespace collector::storage {
namespace {

using shared::wire::format::ByteReader;
using Numbers = std::vector<uint64_t>;
using Words = std::vector<std::string>;

constexpr uint64_t kMost = UINT64_MAX;

// What `numbers` take, once they were read back and found refused wherever they are cut.
size_t RoundTrip(const Numbers& numbers) {
  SectionBytes section;
  PutNumbers(numbers, section);
  ByteReader in(section.bytes);
  EXPECT_EQ(TakeNumbers(in, numbers.size()), numbers);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.left(), 0u);
  for (size_t size = 0; size < section.bytes.size(); ++size) {
    ByteReader cut(std::string_view(section.bytes).substr(0, size));
    TakeNumbers(cut, numbers.size());
    EXPECT_TRUE(cut.failed()) << size;
  }
  return section.bytes.size();
}

TEST(NumberColumn, GivesBackNumbersOfEveryWidth) {
  for (const Numbers& numbers :
       {Numbers{}, Numbers{0}, Numbers{kMost}, Numbers{7, 7, 7}, Numbers{0, 1, 1, 0, 1},
        Numbers{3, 0, 1, 2, 3}, Numbers{15, 0, 9}, Numbers{16, 0, 31}, Numbers{0, 256},
        Numbers{1, kMost, 0, kMost / 2, kMost / 2 + 1}, Numbers{kMost, 0, 1, kMost - 1}}) {
    RoundTrip(numbers);
  }
  constexpr uint64_t kSeed = 4;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 500; ++i) {
    Numbers numbers(random() % 40);
    const auto shift = random() % 64;
    for (uint64_t& number : numbers) number = random() >> shift;
    RoundTrip(numbers);
  }
}

TEST(NumberColumn, HasOnlyWhatDiffers) {
  // Head and base.
  EXPECT_LE(RoundTrip(Numbers(1000, 5)), 2u);
  Numbers steps;
  for (uint64_t i = 0; i < 1000; ++i) steps.push_back(1'767'225'600'000 + 250 * i);
  EXPECT_LE(RoundTrip(steps), 12u);
  Numbers bits;
  for (uint64_t i = 0; i < 1000; ++i) bits.push_back(40 + i * i % 7 % 2);
  EXPECT_LE(RoundTrip(bits), 128u);
}

TEST(NumberColumn, RefusesWidthsThatAreNone) {
  for (int width = 0; width < 128; ++width) {
    const std::string bytes = static_cast<char>(width) + std::string(100, '\0');
    ByteReader in(bytes);
    TakeNumbers(in, 2);
    const bool known = width <= 2 || width == 4 || (width % 8 == 0 && width <= 64);
    EXPECT_EQ(in.failed(), !known) << width;
  }
}

// What `words` take, once they were read back and found.
size_t RoundTrip(const Words& words) {
  SectionBytes section;
  PutWords(std::vector<std::string_view>(words.begin(), words.end()), section);
  ByteReader in(section.bytes);
  WordColumn column;
  column.Take(in, words.size());
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.left(), 0u);
  std::string expected, buffer;
  for (const std::string& word : words) expected += word + "\n";
  EXPECT_EQ(column.Text(buffer), expected);
  for (size_t i = 0; i < words.size(); i += 1 + words.size() / 8) {
    const std::string& word = words[i];
    for (size_t begin = 0; begin < word.size(); ++begin) {
      for (size_t size = 1; begin + size <= word.size(); ++size) {
        EXPECT_TRUE(column.MayContain(word.substr(begin, size))) << word << ' ' << begin;
      }
    }
  }
  EXPECT_FALSE(column.MayContain("ABSENT"));
  EXPECT_FALSE(column.MayContain("99999999999999999999"));
  for (size_t size = 0; size < section.bytes.size(); size += 1 + section.bytes.size() / 100) {
    ByteReader cut(std::string_view(section.bytes).substr(0, size));
    column.Take(cut, words.size());
    EXPECT_TRUE(cut.failed()) << size;
  }
  return section.bytes.size();
}

Words Many(size_t count, uint64_t seed, const std::function<std::string(uint64_t)>& word) {
  std::mt19937_64 random(seed);
  Words out;
  for (size_t i = 0; i < count; ++i) out.push_back(word(random()));
  return out;
}

TEST(WordColumn, GivesBackWordsOfEveryKindInFewBytes) {
  struct Case {
    const char* what;
    size_t most_bytes;
    std::function<std::string(uint64_t)> word;
  };
  for (const Case& c : std::vector<Case>{
           {"one word", 16, [](uint64_t) { return "shop"; }},
           {"few words", 160, [](uint64_t r) { return r % 3 == 0 ? "orders" : "stock"; }},
           {"numbers", 420, [](uint64_t r) { return std::to_string(r % 60'000); }},
           {"wide numbers", 1620,
            [](uint64_t r) { return std::to_string(r % 1'000'000'000'000'000'000); }},
           {"too wide numbers", 4400, [](uint64_t r) { return std::to_string(r) + "0"; }},
           {"digits", 420, [](uint64_t r) { return fmt::format("{:03}", r % 1000); }},
           {"digits of many lengths", 1200,
            [](uint64_t r) { return fmt::format("{:0{}}", r % 1000, 3 + r % 2); }},
           {"hex", 1620, [](uint64_t r) { return fmt::format("{:016x}", r); }},
           {"odd hex", 1220, [](uint64_t r) { return fmt::format("{:011x}", r >> 20); }},
           {"upper hex", 3500, [](uint64_t r) { return fmt::format("{:016X}", r); }},
           {"numbers within words", 440,
            [](uint64_t r) { return fmt::format("pgsql_tmp{}_x", r % 60'000); }},
           {"hex within words", 440,
            [](uint64_t r) { return fmt::format("id_{:04x}", r % 65'536); }},
           {"letters", 1700, [](uint64_t r) {
              std::string out;
              for (; r > 1u << 30; r /= 52)
                out.push_back("abcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ_"[r % 52]);
              return out + "q";
            }}}) {
    EXPECT_LE(RoundTrip(Many(200, 1, c.word)), c.most_bytes) << c.what;
    for (size_t count = 0; count < 6; ++count) RoundTrip(Many(count, count, c.word));
  }
  RoundTrip({"0", "00", "000", "1"});
  RoundTrip({"a1", "a", "a", "a2"});
  RoundTrip({"aa", "aaa", "aaaa", "a"});
  RoundTrip({"999999999999999999", "0", "1", "10"});
}

TEST(WordColumn, RefusesKindsThatAreNone) {
  const std::string bytes = "\x04" + std::string(50, '\0');
  ByteReader in(bytes);
  WordColumn column;
  column.Take(in, 3);
  EXPECT_TRUE(in.failed());
}

TEST(SectionBytes, CutsWhereLongColumnsBeginAndEnd) {
  SectionBytes section;
  section.AddColumn("short");
  section.AddColumn("too");
  section.AddColumn(std::string(600, 'a'));
  SectionBytes other;
  other.AddColumn(std::string(700, 'b'));
  section.Append(other);
  section.AddColumn("end");
  EXPECT_EQ(section.cuts(), (std::vector<size_t>{8, 608, 1308}));
  std::string frame;
  shared::wire::Compressor(3).Append(section.bytes, section.cuts(), frame);
  EXPECT_EQ(*shared::wire::Decompress(frame), section.bytes);
}

}  // namespace
}  // namespace collector::storage
