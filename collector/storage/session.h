#pragma once

#include <chrono>
#include <string_view>

#include "shared/base/result.h"
#include "shared/postgres/connection.h"

// How the store's connections differ from what the operator configured.
namespace collector::storage {

// For writers and upkeep: pinned search_path and time zone, limits against a server that hangs,
// synchronous_commit on when the database says off: an acknowledged batch must survive a crash.
shared::Result<shared::postgres::Connection> OpenWriteSession(
    const shared::postgres::ConnectOptions& options, std::string_view purpose);

// For readers: read-only, statement_timeout set by each question, no JIT (questions are short).
shared::Result<shared::postgres::Connection> OpenReadSession(
    const shared::postgres::ConnectOptions& options, std::chrono::milliseconds connect_timeout);

}  // namespace collector::storage
