#pragma once

#include <chrono>
#include <stop_token>
#include <string_view>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// A kind of work on what is already stored: compaction, rollups, retention. Run by the Maintainer
// of the one collector that owns maintenance, on its thread and with its connection.
class Chore {
 public:
  virtual ~Chore() = default;

  // "compaction": for logs and metrics.
  [[nodiscard]] virtual std::string_view name() const = 0;

  // Does a piece of work of a few seconds at most, in transactions of its own, so that it can be
  // killed at any moment and simply run again. Returns after how long to come again; zero: more
  // waits. An error is logged and counted, and the chore is tried again later; it must leave no
  // transaction open. `stop`: be done soon.
  virtual shared::Result<std::chrono::milliseconds> Run(shared::postgres::Connection& connection,
                                                        shared::WallTime now,
                                                        std::stop_token stop) = 0;
};

}  // namespace collector::storage
