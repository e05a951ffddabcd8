#include "shared/text/edit_distance.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace shared::text {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  const auto expect = [](std::string_view one, std::string_view other, size_t distance) {
    EXPECT_EQ(EditDistance(one, other), distance) << one << " " << other;
    EXPECT_EQ(EditDistance(other, one), distance) << other << " " << one;
  };
  expect("", "", 0);
  expect("", "abc", 3);
  expect("abc", "abc", 0);
  expect("interval", "intervall", 1);
  expect("interval", "intervla", 1);
  expect("interval", "antervel", 2);
  expect("ab", "ba", 1);
  expect("ca", "abc", 3);  // optimal string alignment: no edit inside a swap
  expect("kitten", "sitting", 3);
}

TEST(DidYouMean, ProposesTheNearestWithinTwoEdits) {
  constexpr std::array<std::string_view, 4> kWords = {"interval", "internal", "url", "port"};
  EXPECT_EQ(DidYouMean("intervl", kWords), "interval");
  EXPECT_EQ(DidYouMean("interxal", kWords), "interval");  // the first of two as near
  EXPECT_EQ(DidYouMean("inter", kWords), "");
  EXPECT_EQ(DidYouMean("urk", kWords), "url");
  EXPECT_EQ(DidYouMean("uri2", kWords), "");  // two edits of four letters would be another word
  EXPECT_EQ(DidYouMean("prot", kWords), "port");
  EXPECT_EQ(DidYouMean("x", {}), "");
}

}  // namespace
}  // namespace shared::text
