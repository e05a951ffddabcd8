#include <poll.h>

#include <algorithm>

#include "shared/postgres/session.h"
#include "shared/postgres/sqlstate.h"

// Connection::Open: from options to a connected, non-blocking PGconn.
namespace shared::postgres {
namespace {

// libpq's "options" splits at spaces unless they are escaped (PostgreSQL manual, 34.1.2).
std::string SettingsOption(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string out;
  for (const auto& [name, value] : settings) {
    out += out.empty() ? "-c " : " -c ";
    for (const char c : name + "=" + value) {
      if (c == ' ' || c == '\\' || c == '\t' || c == '\n') out += '\\';
      out += c;
    }
  }
  return out;
}

struct ConninfoDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// libpq reports a keyword that it does not know only as a failed connection, as if waiting helped.
Result<void> CheckKeywords(const ConnectOptions& options) {
  const std::unique_ptr<PQconninfoOption, ConninfoDeleter> known(PQconndefaults());
  for (const auto& [keyword, value] : options.keywords) {
    RETURN_IF_ERROR(RefuseNul(keyword, value));
    bool found = false;
    for (const PQconninfoOption* o = known.get(); o != nullptr && o->keyword != nullptr; ++o) {
      found = found || keyword == o->keyword;
    }
    if (!found) return Fail(ErrorCode::kInvalidInput, "connect: unknown keyword \"{}\"", keyword);
    if (keyword == "password") {
      return Fail(ErrorCode::kInvalidInput, "connect: the password is not among the keywords");
    }
  }
  for (const auto& [name, value] : options.settings) RETURN_IF_ERROR(RefuseNul(name, value));
  return RefuseNul("password", options.password.Reveal());
}

PgconnPtr Start(const ConnectOptions& options) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  const auto add = [&](const char* keyword, const std::string& value) {
    keywords.push_back(keyword);
    values.push_back(value.c_str());
  };
  const std::string utf8 = "UTF8";
  std::string startup_settings = SettingsOption(options.settings);
  for (const auto& [keyword, value] : options.keywords) {
    // Two "options" would replace one another; ours come last, so that they win.
    if (keyword == "options") {
      startup_settings = value + (startup_settings.empty() ? "" : " ") + startup_settings;
    }
  }
  add("client_encoding", utf8);
  add("application_name", options.application_name);
  for (const auto& [keyword, value] : options.keywords) add(keyword.c_str(), value);
  if (!startup_settings.empty()) add("options", startup_settings);
  if (!options.password.empty()) add("password", options.password.Reveal());
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PgconnPtr(PQconnectStartParams(keywords.data(), values.data(), 0));
}

Error StartupError(PGconn* connection) {
  StartupFailure failure = ParseStartupFailure(PQerrorMessage(connection));
  if (!failure.sqlstate.empty()) {
    return Error{CodeOfSqlstate(failure.sqlstate), fmt::format("connect: {}", failure.message)};
  }
  ErrorCode code = ErrorCode::kUnavailable;
  if (PQconnectionNeedsPassword(connection) != 0) code = ErrorCode::kPermissionDenied;
  if (failure.message.starts_with("invalid ")) code = ErrorCode::kInvalidInput;
  return Error{code, fmt::format("connect: {}", failure.message)};
}

// Also handles several hosts and addresses: libpq goes to the next one by itself. Only the name
// look-up inside PQconnectStartParams is outside the deadline.
Result<void> Finish(PGconn* connection, const CallDeadline& deadline) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  if (PQstatus(connection) == CONNECTION_BAD) state = PGRES_POLLING_FAILED;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return tl::make_unexpected(StartupError(connection));
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    switch (WaitForSocket(connection, events, deadline)) {
      case SocketState::kReady:
        break;
      case SocketState::kTimedOut:
        return Fail(ErrorCode::kTimeout, "connect: no answer within {} ms",
                    deadline.budget().count());
      case SocketState::kBroken:
        return tl::make_unexpected(StartupError(connection));
    }
    state = PQconnectPoll(connection);
  }
  return {};
}

}  // namespace

Result<Connection> Connection::Open(const ConnectOptions& options) {
  RETURN_IF_ERROR(CheckKeywords(options));
  const CallDeadline deadline(options.connect_timeout);
  PgconnPtr connection = Start(options);
  if (connection == nullptr) return Fail(ErrorCode::kResourceExhausted, "connect: out of memory");
  // Verbose, for that is the only form in which libpq tells the SQLSTATE of a refused connection.
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  RETURN_IF_ERROR(Finish(connection.get(), deadline));
  PQsetErrorVerbosity(connection.get(), PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection.get(), 1) != 0) {
    return Fail(ErrorCode::kUnavailable, "connect: {}", OneLine(PQerrorMessage(connection.get())));
  }
  return Connection(std::make_unique<Impl>(std::move(connection)));
}

}  // namespace shared::postgres
