#include "shared/text/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace shared::text {
namespace {

using namespace std::string_view_literals;

TEST(IsCleanUtf8, KnowsTheBordersOfEachLength) {
  for (const std::string_view text :
       {""sv, "a"sv, "\x01"sv, "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv,
        "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv,
        "\xf4\x8f\xbf\xbf"sv, "aü€😀z"sv}) {
    EXPECT_TRUE(IsCleanUtf8(text)) << testing::PrintToString(text);
  }
  for (const std::string_view text : {
           "\0"sv,
           "a\0b"sv,  // NUL
           "\x80"sv,
           "\xbf"sv,
           "a\x80"sv,  // continuation alone
           "\xc0\x80"sv,
           "\xc1\xbf"sv,  // overlong
           "\xe0\x80\x80"sv,
           "\xe0\x9f\xbf"sv,  // overlong
           "\xf0\x80\x80\x80"sv,
           "\xf0\x8f\xbf\xbf"sv,  // overlong
           "\xed\xa0\x80"sv,
           "\xed\xbf\xbf"sv,  // surrogates
           "\xf4\x90\x80\x80"sv,
           "\xf5\x80\x80\x80"sv,  // above U+10FFFF
           "\xfe"sv,
           "\xff"sv,  // never
           "\xc2"sv,
           "\xe2\x82"sv,
           "\xf0\x9f\x98"sv,  // cut
           "\xe2\x82z"sv,
           "\xf0\x9f\x98z"sv,
       }) {
    EXPECT_FALSE(IsCleanUtf8(text)) << testing::PrintToString(text);
  }
}

TEST(AppendCleanUtf8, ReplacesEachBadByteAndKeepsTheRest) {
  const auto expect = [](std::string_view bytes, std::string_view clean) {
    std::string out = ">";
    EXPECT_EQ(AppendCleanUtf8(bytes, out), bytes != clean);
    EXPECT_EQ(out, ">" + std::string(clean));
  };
  expect("", "");
  expect("aü", "aü");
  expect("\xff", "\xef\xbf\xbd");
  expect(
      "a\xff\xfe"
      "b",
      "a\xef\xbf\xbd\xef\xbf\xbd"
      "b");
  expect("\0x"sv, "\xef\xbf\xbdx");
  expect("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");
  expect("\xe2\x82ü", "\xef\xbf\xbd\xef\xbf\xbdü");
}

TEST(CleanUtf8, AlwaysGivesCleanUtf8) {
  constexpr uint64_t kSeed = 20261124;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes;
    for (uint64_t i = random() % 12; i > 0; --i) {
      bytes.push_back(static_cast<char>(random() % 3 == 0 ? random() % 128 : 128 + random() % 128));
    }
    ASSERT_TRUE(IsCleanUtf8(CleanUtf8(bytes)))
        << testing::PrintToString(bytes) << " seed " << kSeed;
    if (IsCleanUtf8(bytes)) {
      ASSERT_EQ(CleanUtf8(bytes), bytes) << "seed " << kSeed;
    }
  }
}

TEST(TruncateUtf8, CutsNoCharacter) {
  const std::string_view text = "aü€😀";  // 1, 2, 3 and 4 bytes
  const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t limit = 0; limit < std::size(kept); ++limit) {
    EXPECT_EQ(TruncateUtf8(text, limit), text.substr(0, kept[limit])) << limit;
  }
}

}  // namespace
}  // namespace shared::text
