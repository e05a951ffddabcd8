#include "shared/postgres/session.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "shared/postgres/sqlstate.h"

namespace shared::postgres {
namespace {

std::string_view Field(const PGresult* result, int code) {
  const char* const text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

}  // namespace

CallDeadline::CallDeadline(std::chrono::milliseconds budget)
    : budget_(budget), end_(std::chrono::steady_clock::now() + budget) {}

int CallDeadline::PollTimeout() const {
  if (budget_ <= std::chrono::milliseconds::zero()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1'000'000'000));
}

SocketState WaitForSocket(PGconn* connection, short events, const CallDeadline& deadline) {
  while (true) {
    pollfd socket{.fd = PQsocket(connection), .events = events, .revents = 0};
    if (socket.fd < 0) return SocketState::kBroken;
    const int ready = ::poll(&socket, 1, deadline.PollTimeout());
    if (ready > 0) return SocketState::kReady;  // also POLLHUP and POLLERR: libpq reads the reason
    if (ready == 0) return SocketState::kTimedOut;
    if (errno != EINTR) return SocketState::kBroken;
  }
}

Result<CallDeadline> Connection::Impl::BeginCall() {
  sqlstate.clear();
  if (pg == nullptr) return Fail(ErrorCode::kUnavailable, "the connection is closed");
  return CallDeadline(budget);
}

Result<void> Connection::Impl::Flush(const CallDeadline& deadline) {
  while (true) {
    const int left = PQflush(pg.get());
    if (left == 0) return {};
    if (left < 0) return tl::make_unexpected(LoseAsLibpqSays());
    switch (WaitForSocket(pg.get(), POLLIN | POLLOUT, deadline)) {
      case SocketState::kReady:
        break;
      case SocketState::kTimedOut:
        return tl::make_unexpected(Lose(
            ErrorCode::kTimeout, fmt::format("no answer within {} ms", deadline.budget().count())));
      case SocketState::kBroken:
        return tl::make_unexpected(LoseAsLibpqSays());
    }
    if (PQconsumeInput(pg.get()) == 0) return tl::make_unexpected(LoseAsLibpqSays());
  }
}

Result<PgresultPtr> Connection::Impl::Next(const CallDeadline& deadline) {
  RETURN_IF_ERROR(Flush(deadline));
  while (PQisBusy(pg.get()) != 0) {
    switch (WaitForSocket(pg.get(), POLLIN, deadline)) {
      case SocketState::kReady:
        break;
      case SocketState::kTimedOut:
        return tl::make_unexpected(Lose(
            ErrorCode::kTimeout, fmt::format("no answer within {} ms", deadline.budget().count())));
      case SocketState::kBroken:
        return tl::make_unexpected(LoseAsLibpqSays());
    }
    if (PQconsumeInput(pg.get()) == 0) return LastWords();
  }
  return PgresultPtr(PQgetResult(pg.get()));
}

Result<PgresultPtr> Connection::Impl::LastWords() {
  // Taken before PQgetResult, which adds its own trouble with reading on.
  std::string reason = OneLine(PQerrorMessage(pg.get()));
  PgresultPtr result(PQgetResult(pg.get()));
  const bool failed = PQresultStatus(result.get()) == PGRES_FATAL_ERROR;
  if (result != nullptr && !(failed && Field(result.get(), PG_DIAG_SQLSTATE).empty())) {
    return result;
  }
  return tl::make_unexpected(Lose(ErrorCode::kUnavailable, std::move(reason)));
}

Result<PgresultPtr> Connection::Impl::Last(const CallDeadline& deadline) {
  PgresultPtr last;
  std::optional<Error> failure;
  while (true) {
    Result<PgresultPtr> next = Next(deadline);
    if (!next) return tl::make_unexpected(failure ? *failure : std::move(next).error());
    if (*next == nullptr) break;
    switch (PQresultStatus(next->get())) {
      case PGRES_FATAL_ERROR:
      case PGRES_BAD_RESPONSE:
        if (!failure) failure = FailureOf(next->get());
        if (pg == nullptr) return tl::make_unexpected(*failure);
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        // Half of a COPY is a state that no other call could leave.
        return tl::make_unexpected(Lose(ErrorCode::kInvalidInput,
                                        "COPY goes only through CopyIn; the connection is closed"));
      default:
        last = std::move(*next);
    }
  }
  if (failure) return tl::make_unexpected(std::move(*failure));
  if (last == nullptr) return tl::make_unexpected(LoseAsLibpqSays());
  return last;
}

Error Connection::Impl::FailureOf(const PGresult* result) {
  sqlstate = Field(result, PG_DIAG_SQLSTATE);
  // Without a SQLSTATE libpq itself speaks: the connection broke, or the reply makes no sense.
  if (sqlstate.empty()) return Lose(ErrorCode::kUnavailable, OneLine(PQresultErrorMessage(result)));
  const std::string_view severity = Field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  Error error{CodeOfSqlstate(sqlstate),
              FormatServerError({.sqlstate = sqlstate,
                                 .message = Field(result, PG_DIAG_MESSAGE_PRIMARY),
                                 .detail = Field(result, PG_DIAG_MESSAGE_DETAIL),
                                 .hint = Field(result, PG_DIAG_MESSAGE_HINT),
                                 .context = Field(result, PG_DIAG_CONTEXT)})};
  // After FATAL or PANIC the server closes its end (57P01 of a shutdown, 25P03 …), whether or not
  // the end of the stream has arrived yet.
  if (severity == "FATAL" || severity == "PANIC" || PQstatus(pg.get()) != CONNECTION_OK) {
    return Lose(ErrorCode::kUnavailable, std::move(error.message));
  }
  return error;
}

Error Connection::Impl::Lose(ErrorCode code, std::string message) {
  pg.reset();
  return Error{code, std::move(message)};
}

Error Connection::Impl::LoseAsLibpqSays() {
  std::string message = OneLine(PQerrorMessage(pg.get()));
  if (message.empty()) message = "the connection is lost";
  return Lose(ErrorCode::kUnavailable, std::move(message));
}

Result<void> RefuseNul(std::string_view what, std::string_view text) {
  const size_t at = text.find('\0');
  if (at == std::string_view::npos) return {};
  return Fail(ErrorCode::kInvalidInput, "{}: NUL at byte {}", what, at);
}

Result<void> RefuseNul(const Statement& statement) {
  RETURN_IF_ERROR(RefuseNul("statement", statement.sql));
  for (size_t i = 0; i < statement.parameters.size(); ++i) {
    const Parameter& parameter = statement.parameters[i];
    if (parameter) RETURN_IF_ERROR(RefuseNul(fmt::format("parameter ${}", i + 1), *parameter));
  }
  return {};
}

namespace {

std::vector<const char*> ValuesOf(const Statement& statement) {
  std::vector<const char*> values;
  values.reserve(statement.parameters.size());
  for (const Parameter& parameter : statement.parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  return values;
}

}  // namespace

bool SendStatement(PGconn* connection, const Statement& statement) {
  const std::vector<const char*> values = ValuesOf(statement);
  return PQsendQueryParams(connection, statement.sql.c_str(), static_cast<int>(values.size()),
                           nullptr, values.data(), nullptr, nullptr, statement.binary ? 1 : 0) == 1;
}

bool SendKept(PGconn* connection, const Statement& statement, const std::string& name) {
  const std::vector<const char*> values = ValuesOf(statement);
  return PQsendQueryPrepared(connection, name.c_str(), static_cast<int>(values.size()),
                             values.data(), nullptr, nullptr, statement.binary ? 1 : 0) == 1;
}

}  // namespace shared::postgres
