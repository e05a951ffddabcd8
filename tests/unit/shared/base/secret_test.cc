#include "shared/base/secret.h"

#include <gtest/gtest.h>

namespace shared {
namespace {

TEST(Secret, PrintsAsStars) {
  const Secret secret("geheim");
  EXPECT_EQ(fmt::format("<{}>", secret), "<***>");
  EXPECT_EQ(fmt::format("<{}>", Secret()), "<>");
  EXPECT_EQ(secret.Reveal(), "geheim");
}

TEST(Secret, IsComparedByValue) {
  EXPECT_EQ(Secret("a"), Secret("a"));
  EXPECT_FALSE(Secret("a") == Secret("b"));
  EXPECT_TRUE(Secret().empty());
  EXPECT_FALSE(Secret("a").empty());
}

}  // namespace
}  // namespace shared
