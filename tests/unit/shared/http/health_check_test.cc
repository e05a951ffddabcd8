#include "shared/http/health_check.h"

#include <gtest/gtest.h>

namespace tests {
namespace {

using shared::http::LocalUrl;

TEST(LocalUrl, AsksOnLoopbackWhatListensEverywhere) {
  EXPECT_EQ(LocalUrl("0.0.0.0", 8480), "http://127.0.0.1:8480");
  EXPECT_EQ(LocalUrl("::", 8480), "http://[::1]:8480");
}

TEST(LocalUrl, AsksAnAddressWhereItIs) {
  EXPECT_EQ(LocalUrl("10.1.2.3", 80), "http://10.1.2.3:80");
  EXPECT_EQ(LocalUrl("fd00::7", 8480), "http://[fd00::7]:8480");
}

}  // namespace
}  // namespace tests
