#include "shared/postgres/connection.h"

#include "shared/log/log.h"
#include "shared/postgres/session.h"
#include "shared/postgres/sqlstate.h"

namespace shared::postgres {

namespace {

// Notices are for people at a psql prompt.
void LogNotice(void*, const PGresult* notice) {
  log::Debug("postgres notice: {}", OneLine(PQresultErrorMessage(notice)));
}

}  // namespace

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  PQsetNoticeReceiver(impl_->pg.get(), &LogNotice, nullptr);
}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

bool Connection::IsOpen() const {
  return impl_ != nullptr && impl_->pg != nullptr;
}

int Connection::server_version() const {
  return IsOpen() ? PQserverVersion(impl_->pg.get()) : 0;
}

std::string_view Connection::ParameterStatus(std::string_view name) const {
  if (!IsOpen()) return {};
  const char* const value = PQparameterStatus(impl_->pg.get(), std::string(name).c_str());
  return value == nullptr ? std::string_view() : std::string_view(value);
}

int Connection::backend_pid() const {
  return IsOpen() ? PQbackendPID(impl_->pg.get()) : 0;
}

void Connection::SetDeadline(std::chrono::milliseconds per_call) {
  impl_->budget = per_call;
}

std::string_view Connection::last_sqlstate() const {
  return impl_->sqlstate;
}

Result<Rows> Connection::Query(std::string_view sql, const std::vector<Parameter>& parameters) {
  return Ask({std::string(sql), parameters, false});
}

Result<Rows> Connection::QueryBinary(std::string_view sql,
                                     const std::vector<Parameter>& parameters) {
  return Ask({std::string(sql), parameters, true});
}

Result<Rows> Connection::Ask(const Statement& statement) {
  ASSIGN_OR_RETURN(const CallDeadline deadline, impl_->BeginCall());
  RETURN_IF_ERROR(RefuseNul(statement));
  if (!SendStatement(impl_->pg.get(), statement)) {
    return tl::make_unexpected(impl_->LoseAsLibpqSays());
  }
  ASSIGN_OR_RETURN(PgresultPtr result, impl_->Last(deadline));
  return Rows(std::make_unique<Rows::Impl>(Rows::Impl{std::move(result)}));
}

Result<void> Connection::Execute(std::string_view sql) {
  ASSIGN_OR_RETURN(const CallDeadline deadline, impl_->BeginCall());
  RETURN_IF_ERROR(RefuseNul("statement", sql));
  if (PQsendQuery(impl_->pg.get(), std::string(sql).c_str()) != 1) {
    return tl::make_unexpected(impl_->LoseAsLibpqSays());
  }
  RETURN_IF_ERROR(impl_->Last(deadline));
  return {};
}

}  // namespace shared::postgres
