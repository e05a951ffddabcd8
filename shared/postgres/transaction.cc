#include <utility>

#include "shared/log/log.h"
#include "shared/postgres/session.h"

namespace shared::postgres {

Result<Transaction> Transaction::Begin(Connection& connection, std::string_view begin_sql) {
  RETURN_IF_ERROR(connection.Execute(begin_sql));
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  if (connection_ == nullptr || !connection_->IsOpen()) return;
  const std::string failure(connection_->last_sqlstate());  // the caller may still ask for it
  if (Result<void> done = connection_->Execute("ROLLBACK"); !done) {
    log::Debug("ROLLBACK: {}", done.error().message);
  }
  connection_->impl().sqlstate = failure;
}

Result<void> Transaction::Commit() {
  Connection* const connection = std::exchange(connection_, nullptr);
  if (connection == nullptr) return Fail(ErrorCode::kInternal, "COMMIT: the transaction is over");
  // COMMIT of a failed transaction succeeds and rolls back.
  if (connection->IsOpen() && PQtransactionStatus(connection->impl().pg.get()) == PQTRANS_INERROR) {
    RETURN_IF_ERROR(connection->Execute("ROLLBACK"));
    return Fail(ErrorCode::kInvalidInput,
                "COMMIT: rolled back, for a statement of the transaction had failed");
  }
  if (Result<void> done = connection->Execute("COMMIT"); !done) {
    return tl::make_unexpected(std::move(done).error().With("COMMIT"));
  }
  return {};
}

}  // namespace shared::postgres
