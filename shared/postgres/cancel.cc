#include "shared/postgres/cancel.h"

#include <array>

#include "shared/postgres/session.h"
#include "shared/postgres/sqlstate.h"

namespace shared::postgres {
namespace {

struct CancelDeleter {
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};

}  // namespace

struct CancelToken::Impl {
  std::unique_ptr<PGcancel, CancelDeleter> cancel;
};

CancelToken::CancelToken(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CancelToken::~CancelToken() = default;
CancelToken::CancelToken(CancelToken&&) noexcept = default;
CancelToken& CancelToken::operator=(CancelToken&&) noexcept = default;

Result<CancelToken> CancelToken::For(Connection& connection) {
  if (!connection.IsOpen()) return Fail(ErrorCode::kUnavailable, "the connection is closed");
  auto impl = std::make_unique<Impl>();
  impl->cancel.reset(PQgetCancel(connection.impl().pg.get()));
  if (impl->cancel == nullptr) return Fail(ErrorCode::kResourceExhausted, "cancel: out of memory");
  return CancelToken(std::move(impl));
}

Result<void> CancelToken::Cancel() const {
  std::array<char, 256> reason{};
  if (PQcancel(impl_->cancel.get(), reason.data(), static_cast<int>(reason.size())) == 1) return {};
  return Fail(ErrorCode::kUnavailable, "cancel: {}", OneLine(reason.data()));
}

}  // namespace shared::postgres
