#pragma once

#include <optional>
#include <string>

#include "collector/storage/store_metrics.h"
#include "shared/base/clock.h"
#include "shared/concurrency/backoff.h"
#include "shared/log/log.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// The connection of a thread that writes: opened when it is wanted, and again with backoff after a
// loss. One thread; references must outlive it.
class WriterSession {
 public:
  WriterSession(std::string name, shared::postgres::ConnectOptions connect,
                shared::Backoff::Config reconnect, const shared::Clock& clock,
                StoreMetrics& metrics);

  // The open connection. kUnavailable: not now; it is tried at most as often as the backoff allows.
  // `is_new` is set to true when it is another one than the call before returned: what was
  // remembered of the database may be wrong, for another collector may have worked meanwhile, or a
  // backup been restored.
  shared::Result<shared::postgres::Connection*> Get(bool& is_new);
  // How long until Get may try again.
  [[nodiscard]] shared::MonotonicTime next_attempt() const { return next_attempt_; }

 private:
  const std::string name_;
  const shared::postgres::ConnectOptions connect_;
  const shared::Clock& clock_;
  StoreMetrics& metrics_;
  std::optional<shared::postgres::Connection> connection_;
  shared::Backoff backoff_;
  shared::MonotonicTime next_attempt_;
  std::string last_failure_;
  bool was_connected_ = false;
  shared::log::RateLimit warn_limit_;
};

}  // namespace collector::storage
