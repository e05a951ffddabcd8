#include "shared/http/retry_after.h"

#include <gtest/gtest.h>

namespace shared::http {
namespace {

TEST(ParseRetryAfter, TakesSecondsAndDates) {
  const WallTime now = FromUnixNanos(1'767'225'600'500'000'000);  // 2026-01-01T00:00:00.5Z
  const auto expect_wait = [&](std::string_view value, int64_t seconds) {
    EXPECT_EQ(ParseRetryAfter(value, now).count(), seconds) << value;
  };
  expect_wait("120", 120);
  expect_wait("0", 0);
  expect_wait(" 7\t", 7);
  expect_wait("Thu, 01 Jan 2026 00:01:30 GMT", 90);
  expect_wait("Thursday, 01-Jan-26 00:01:30 GMT", 90);  // RFC 850
  expect_wait("Thu Jan  1 00:01:30 2026", 90);          // asctime
  expect_wait("Wed, 31 Dec 2025 23:59:59 GMT", 0);
  expect_wait("Fri, 01 Jan 2027 00:00:00 GMT", 86'400);
  expect_wait("999999999999999999999999", 86'400);
  expect_wait("86401", 86'400);
  expect_wait("", -1);
  expect_wait("soon", -1);
  expect_wait("-5", -1);
}

}  // namespace
}  // namespace shared::http
