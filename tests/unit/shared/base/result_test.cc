#include "shared/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace shared {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Fail(ErrorCode::kInvalidInput, "{} is odd", number);
  return number / 2;
}

Result<int> Quarter(int number) {
  ASSIGN_OR_RETURN(const int half, Half(number));
  ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

Result<void> CheckEven(int number) {
  RETURN_IF_ERROR(Half(number));
  return {};
}

Result<std::unique_ptr<int>> Boxed(int number) {
  ASSIGN_OR_RETURN(std::unique_ptr<int> box,
                   Result<std::unique_ptr<int>>(std::make_unique<int>(number)));
  *box += 1;
  return box;
}

TEST(Result, CarriesTheValueThroughAssignOrReturn) {
  ASSERT_TRUE(Quarter(12));
  EXPECT_EQ(*Quarter(12), 3);
  ASSERT_TRUE(Boxed(4));
  EXPECT_EQ(**Boxed(4), 5);
}

TEST(Result, LeavesWithTheFirstError) {
  ASSERT_FALSE(Quarter(3));
  EXPECT_EQ(Quarter(3).error().message, "3 is odd");
  EXPECT_EQ(Quarter(6).error().message, "3 is odd");
  EXPECT_EQ(Quarter(6).error().code, ErrorCode::kInvalidInput);
  EXPECT_TRUE(CheckEven(2));
  EXPECT_EQ(CheckEven(5).error().message, "5 is odd");
}

TEST(Error, GetsContextInFront) {
  Error error{ErrorCode::kTimeout, "no answer"};
  const Error more = std::move(error).With("ask db1").With("load");
  EXPECT_EQ(more.message, "load: ask db1: no answer");
  EXPECT_EQ(more.code, ErrorCode::kTimeout);
}

TEST(ErrnoError, ChoosesTheCodeByWhatTheCallerCanDo) {
  const auto expect = [](int number, ErrorCode code) {
    EXPECT_EQ(ErrnoError(number, "x").code, code) << number;
  };
  expect(ENOENT, ErrorCode::kNotFound);
  expect(EACCES, ErrorCode::kPermissionDenied);
  expect(EPERM, ErrorCode::kPermissionDenied);
  expect(ENOSPC, ErrorCode::kResourceExhausted);
  expect(EDQUOT, ErrorCode::kResourceExhausted);
  expect(EMFILE, ErrorCode::kResourceExhausted);
  expect(ENFILE, ErrorCode::kResourceExhausted);
  expect(ENOMEM, ErrorCode::kResourceExhausted);
  expect(EINVAL, ErrorCode::kInvalidInput);
  expect(EIO, ErrorCode::kUnavailable);
  expect(ECONNREFUSED, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrnoError(ENOENT, "open /x").message, "open /x: No such file or directory");
  const Result<int> failed = FailErrno(EACCES, "open /y");
  EXPECT_EQ(failed.error().message, "open /y: Permission denied");
}

TEST(ErrorCode, IsRetriedOnlyWhenTheSameMaySucceedLater) {
  const auto expect = [](ErrorCode code, std::string_view name, bool retryable) {
    EXPECT_EQ(CodeName(code), name);
    EXPECT_EQ(IsRetryable(code), retryable) << name;
  };
  expect(ErrorCode::kInvalidInput, "invalid_input", false);
  expect(ErrorCode::kMalformed, "malformed", false);
  expect(ErrorCode::kNotFound, "not_found", false);
  expect(ErrorCode::kPermissionDenied, "permission_denied", false);
  expect(ErrorCode::kUnavailable, "unavailable", true);
  expect(ErrorCode::kTimeout, "timeout", true);
  expect(ErrorCode::kResourceExhausted, "resource_exhausted", true);
  expect(ErrorCode::kCancelled, "cancelled", false);
  expect(ErrorCode::kInternal, "internal", false);
}

}  // namespace
}  // namespace shared
