#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace shared {

// What the caller can do about a failure. Few on purpose: a code decides behaviour, the message
// tells the operator.
enum class ErrorCode {
  kInvalidInput,       // the request or the configuration is wrong; the same again fails again
  kMalformed,          // bytes that do not parse
  kNotFound,           // the named thing does not exist
  kPermissionDenied,   // a grant, a mode or a credential is missing
  kUnavailable,        // a peer is away; the same later may succeed
  kTimeout,            // no answer within the deadline; the same later may succeed
  kResourceExhausted,  // a limit or a full disk; the same later may succeed
  kCancelled,          // stopped on request
  kInternal,           // a bug of ours, reported instead of aborting
};

// "invalid_input", "malformed", …: for logs, metrics labels and the API's error documents.
std::string_view CodeName(ErrorCode code);

// The only retry test: true for kUnavailable, kTimeout and kResourceExhausted.
bool IsRetryable(ErrorCode code);

// Why something failed. The message names the thing and the value: "open /proc/stat: Permission
// denied".
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  // The same error with what the caller knows in front: `std::move(error).With("load config")`
  // makes "load config: open /etc/x: No such file or directory".
  [[nodiscard]] Error With(std::string_view context) && {
    message = fmt::format("{}: {}", context, message);
    return std::move(*this);
  }
};

// A value or an Error. Becomes std::expected with C++23.
template <typename T>
using Result = tl::expected<T, Error>;

// An error from a format string, convertible to any Result:
//   return Fail(ErrorCode::kMalformed, "line {}: {}: no number", line, key);
template <typename... Args>
[[nodiscard]] tl::unexpected<Error> Fail(ErrorCode code, fmt::format_string<Args...> format,
                                         Args&&... args) {
  return tl::make_unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// The error of a failed system call: "<what>: <strerror(error_number)>". ENOENT is kNotFound;
// EACCES and EPERM are kPermissionDenied; ENOSPC, EDQUOT, EMFILE, ENFILE and ENOMEM are
// kResourceExhausted; EINVAL is kInvalidInput; everything else is kUnavailable.
[[nodiscard]] Error ErrnoError(int error_number, std::string_view what);
[[nodiscard]] inline tl::unexpected<Error> FailErrno(int error_number, std::string_view what) {
  return tl::make_unexpected(ErrnoError(error_number, what));
}

}  // namespace shared

#define PGVIGIL_CONCAT_INNER(a, b) a##b
#define PGVIGIL_CONCAT(a, b) PGVIGIL_CONCAT_INNER(a, b)

// RETURN_IF_ERROR(expression): leaves the function with the error of a failed Result.
#define RETURN_IF_ERROR(expression)                                    \
  do {                                                                 \
    if (auto pgvigil_result = (expression); !pgvigil_result) {         \
      return ::tl::make_unexpected(std::move(pgvigil_result).error()); \
    }                                                                  \
  } while (false)

// ASSIGN_OR_RETURN(declaration, expression): the value of a Result, or leaves with its error:
//   ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(PGVIGIL_CONCAT(pgvigil_result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_INNER(result, declaration, expression)           \
  auto result = (expression);                                             \
  if (!(result)) return ::tl::make_unexpected(std::move(result).error()); \
  declaration = std::move(*(result))
