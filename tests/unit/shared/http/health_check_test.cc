#include "shared/http/health_check.h"

#include <gtest/gtest.h>

namespace tests {
namespace {

using shared::http::ReadyUrl;

TEST(ReadyUrl, AsksOnLoopbackWhatListensEverywhere) {
  EXPECT_EQ(ReadyUrl("0.0.0.0", 8480), "http://127.0.0.1:8480/readyz");
  EXPECT_EQ(ReadyUrl("::", 8480), "http://[::1]:8480/readyz");
}

TEST(ReadyUrl, AsksAnAddressWhereItIs) {
  EXPECT_EQ(ReadyUrl("10.1.2.3", 80), "http://10.1.2.3:80/readyz");
  EXPECT_EQ(ReadyUrl("fd00::7", 8480), "http://[fd00::7]:8480/readyz");
}

}  // namespace
}  // namespace tests
