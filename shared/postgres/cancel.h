#pragma once

#include <memory>

#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace shared::postgres {

// Asks the server to stop what a connection is doing, over a connection of its own. Made on the
// connection's thread, used from any; may outlive the connection (then it does nothing useful). The
// cancelled call fails with kTimeout, 57014.
class CancelToken {
 public:
  static Result<CancelToken> For(Connection& connection);
  ~CancelToken();
  CancelToken(CancelToken&&) noexcept;
  CancelToken& operator=(CancelToken&&) noexcept;

  // Returns when the server has taken the request, which is before it has acted on it. Blocks as
  // long as connecting does: not for a thread that must not wait. kUnavailable: not reached.
  Result<void> Cancel() const;

 private:
  struct Impl;
  explicit CancelToken(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shared::postgres
