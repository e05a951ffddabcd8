#include "shared/text/hex.h"

#include <gtest/gtest.h>

#include <string>

namespace shared::text {
namespace {

TEST(Hex, GivesEveryByteBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const std::string digits = ToHex(bytes);
  EXPECT_EQ(digits.substr(0, 8), "00010203");
  EXPECT_EQ(digits.substr(508), "feff");
  EXPECT_EQ(FromHex(digits), bytes);
}

TEST(Hex, TakesEitherCaseAndNothingElse) {
  EXPECT_EQ(FromHex("aBFf"), "\xab\xff");
  EXPECT_EQ(FromHex(""), "");
  for (const char* text : {"a", "0g", "0x", " 0", "--", "@@", "``", "//", "::"}) {
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
  }
}

TEST(Uuid, HasItsDashes) {
  const std::string bytes = FromHex("0123456789abcdef0123456789abcdef").value();
  EXPECT_EQ(ToUuid(bytes), "01234567-89ab-cdef-0123-456789abcdef");
  EXPECT_EQ(FromUuid("01234567-89ab-cdef-0123-456789ABCDEF"), bytes);
  EXPECT_EQ(FromUuid("0123456789abcdef0123456789abcdef"), bytes);
  EXPECT_EQ(FromUuid("01234567-89ab-cdef-0123-456789abcde"), std::nullopt);
  EXPECT_EQ(FromUuid("g1234567-89ab-cdef-0123-456789abcdef"), std::nullopt);
  EXPECT_EQ(FromUuid(""), std::nullopt);
}

}  // namespace
}  // namespace shared::text
