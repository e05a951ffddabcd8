#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

// What the files of this folder share; nobody else includes it, for it shows libpq.
namespace shared::postgres {

struct PgconnDeleter {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct PgresultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgconnPtr = std::unique_ptr<PGconn, PgconnDeleter>;
using PgresultPtr = std::unique_ptr<PGresult, PgresultDeleter>;

// When a call must be over. Zero budget: never.
class CallDeadline {
 public:
  explicit CallDeadline(std::chrono::milliseconds budget);
  // For poll(2): -1 without a deadline, 0 when it has passed.
  [[nodiscard]] int PollTimeout() const;
  [[nodiscard]] std::chrono::milliseconds budget() const { return budget_; }

 private:
  std::chrono::milliseconds budget_;
  MonotonicTime end_;
};

// Waits until the connection's socket is readable or writable, as `events` (POLLIN, POLLOUT) asks.
enum class SocketState { kReady, kTimedOut, kBroken };
SocketState WaitForSocket(PGconn* connection, short events, const CallDeadline& deadline);

// The one place that talks to a PGconn after it is connected: non-blocking, so that the caller's
// deadline holds also when the server or the network is silent.
struct Connection::Impl {
  explicit Impl(PgconnPtr connected) : pg(std::move(connected)) {}

  PgconnPtr pg;  // null once lost
  std::chrono::milliseconds budget{0};
  std::string sqlstate;                                  // of the last failure
  std::map<std::string, std::string, std::less<>> kept;  // prepared names, by text (kept.h)
  uint64_t kept_names = 0;                               // given out so far

  // Every call begins with this: clears the last failure. Fails when the connection is closed.
  Result<CallDeadline> BeginCall();
  // Sends what libpq has buffered, reading meanwhile, so that neither side can block the other.
  Result<void> Flush(const CallDeadline& deadline);
  // The next result; null when the statement (in pipeline mode: its part) has no more.
  Result<PgresultPtr> Next(const CallDeadline& deadline);
  // The same when the stream has ended: what the server said before, or why there is no more.
  Result<PgresultPtr> LastWords();
  // All results of a statement sent outside pipeline mode; the last one, or the first error.
  Result<PgresultPtr> Last(const CallDeadline& deadline);

  // The Error of a failed result; closes the connection when the server is about to.
  Error FailureOf(const PGresult* result);
  // The connection is of no use any more: closes it and says why.
  Error Lose(ErrorCode code, std::string message);
  Error LoseAsLibpqSays();
};

// Rows own this.
struct Rows::Impl {
  PgresultPtr result;
};

// Refuses what a NUL-terminated C string would silently cut.
Result<void> RefuseNul(std::string_view what, std::string_view text);
Result<void> RefuseNul(const Statement& statement);
// PQsendQueryParams, parameters in text format. False: libpq refused, its message says why.
bool SendStatement(PGconn* connection, const Statement& statement);
// The same of one that was prepared under this name.
bool SendKept(PGconn* connection, const Statement& statement, const std::string& name);

}  // namespace shared::postgres
