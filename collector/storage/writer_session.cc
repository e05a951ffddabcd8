#include "collector/storage/writer_session.h"

#include <functional>
#include <utility>

#include "collector/storage/session.h"

namespace collector::storage {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Connection;

WriterSession::WriterSession(std::string name, shared::postgres::ConnectOptions connect,
                             shared::Backoff::Config reconnect, const shared::Clock& clock,
                             StoreMetrics& metrics)
    : name_(std::move(name)),
      connect_(std::move(connect)),
      clock_(clock),
      metrics_(metrics),
      backoff_(reconnect, static_cast<uint64_t>(clock.Now().time_since_epoch().count()) ^
                              std::hash<std::string>()(name_)),
      next_attempt_(clock.Monotonic()) {}

Result<Connection*> WriterSession::Get(bool& is_new) {
  is_new = false;
  if (connection_ && connection_->IsOpen()) return &*connection_;
  if (clock_.Monotonic() < next_attempt_) {
    return Fail(ErrorCode::kUnavailable, "{}", last_failure_);
  }
  connection_.reset();
  Result<Connection> opened = OpenWriteSession(connect_, name_);
  if (!opened) {
    last_failure_ = std::move(opened).error().With("store").message;
    next_attempt_ = clock_.Monotonic() + backoff_.Next();
    uint64_t suppressed = 0;
    if (warn_limit_.Allow(&suppressed)) {
      shared::log::Warn("{}; agents hold their data until it is back ({} more such failures)",
                        last_failure_, suppressed);
    }
    return Fail(ErrorCode::kUnavailable, "{}", last_failure_);
  }
  backoff_.Reset();
  if (was_connected_) {
    metrics_.reconnects.Increment();
    shared::log::Info("{} is connected again", name_);
  }
  was_connected_ = true;
  connection_ = std::move(*opened);
  is_new = true;
  return &*connection_;
}

}  // namespace collector::storage
