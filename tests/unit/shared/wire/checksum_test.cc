#include "shared/wire/checksum.h"

#include <gtest/gtest.h>

namespace shared::wire {
namespace {

TEST(Checksum, NeverChanges) {
  EXPECT_EQ(Checksum("", 0), 0x2d06800538d394c2u);  // XXH3's published value for nothing
  EXPECT_EQ(Checksum("pgvigil", 0), 6535461173039803232u);
  EXPECT_EQ(Checksum("pgvigil", 1), 11561396453742320346u);
}

TEST(Checksum, DependsOnEveryBitAndTheSeed) {
  std::string bytes(300, 'a');
  const uint64_t whole = Checksum(bytes, 5);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_NE(Checksum(bytes, 5), whole) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
  EXPECT_NE(Checksum(bytes, 6), whole);
  EXPECT_EQ(Checksum(bytes, 5), whole);
}

}  // namespace
}  // namespace shared::wire
