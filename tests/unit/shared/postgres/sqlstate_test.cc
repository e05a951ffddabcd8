#include "shared/postgres/sqlstate.h"

#include <gtest/gtest.h>

#include "shared/postgres/connection.h"

namespace shared::postgres {
namespace {

TEST(CodeOfSqlstate, TellsTheCallerWhatToDo) {
  const auto expect_code = [](std::string_view sqlstate, ErrorCode code) {
    EXPECT_EQ(CodeName(CodeOfSqlstate(sqlstate)), CodeName(code)) << sqlstate;
  };
  expect_code("08006", ErrorCode::kUnavailable);
  expect_code("57P01", ErrorCode::kUnavailable);  // admin_shutdown
  expect_code("57P03", ErrorCode::kUnavailable);  // cannot_connect_now
  expect_code("53300", ErrorCode::kUnavailable);  // too_many_connections
  expect_code("40001", ErrorCode::kUnavailable);  // serialization_failure
  expect_code("40P01", ErrorCode::kUnavailable);  // deadlock_detected
  expect_code("53100", ErrorCode::kResourceExhausted);
  expect_code("57014", ErrorCode::kTimeout);
  expect_code("55P03", ErrorCode::kTimeout);
  expect_code("28P01", ErrorCode::kPermissionDenied);
  expect_code("42501", ErrorCode::kPermissionDenied);
  expect_code("42P01", ErrorCode::kInvalidInput);
  expect_code("40002", ErrorCode::kInvalidInput);
  expect_code("", ErrorCode::kInvalidInput);
}

TEST(FormatServerError, IsOneLineWithThePartsThatThereAre) {
  EXPECT_EQ(FormatServerError({.sqlstate = "42P01",
                               .message = "relation \"x\"\ndoes not exist",
                               .detail = "",
                               .hint = "",
                               .context = ""}),
            "42P01 relation \"x\" does not exist");
  EXPECT_EQ(FormatServerError({.sqlstate = "23514",
                               .message = "refused",
                               .detail = "Row\t(1).",
                               .hint = "Do not.",
                               .context = "COPY t, line 2\n"}),
            "23514 refused (DETAIL: Row (1).; HINT: Do not.; CONTEXT: COPY t, line 2)");
}

TEST(ParseStartupFailure, FindsTheSqlstateInAnyLanguage) {
  const auto expect_failure = [](std::string_view report, std::string_view sqlstate,
                                 std::string_view message) {
    const StartupFailure failure = ParseStartupFailure(report);
    EXPECT_EQ(failure.sqlstate, sqlstate) << report;
    EXPECT_EQ(failure.message, message) << report;
  };
  expect_failure(
      "connection to server on socket \"/tmp/.s.PGSQL.5432\" failed: FATAL:  28P01: password "
      "authentication failed for user \"x\"\nLOCATION:  auth_failed, auth.c:338\n",
      "28P01", "28P01 password authentication failed for user \"x\"");
  expect_failure(
      "connection to server at \"10.0.0.1\", port 5432 failed: ВАЖНО:  57P03: система "
      "баз данных запускается\n",
      "57P03", "57P03 система баз данных запускается");
  expect_failure(
      "failed: FATAL:  22023: invalid value\nDETAIL:  A list.\nHINT:  Quote it.\n"
      "LOCATION:  x, y.c:1\n",
      "22023", "22023 invalid value (DETAIL: A list.; HINT: Quote it.)");
  expect_failure(
      "connection to server on socket \"/a\" failed: Connection refused\n\tIs the server "
      "running?\n",
      "",
      "connection to server on socket \"/a\" failed: Connection refused Is the server "
      "running?");
  expect_failure("FATAL:  lower: not a state\n", "", "FATAL:  lower: not a state");
  expect_failure("", "", "");
}

TEST(Quote, DoublesWhatWouldEndTheString) {
  EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("a\\'"), "E'a\\\\'''");
}

}  // namespace
}  // namespace shared::postgres
