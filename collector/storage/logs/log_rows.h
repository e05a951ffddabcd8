#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collector/storage/logs/log_block.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

struct LogBlockRow {
  int32_t host_id = 0;
  int64_t file_id = 0;
  LogBlock block;
};

struct LogEventRow {
  int32_t host_id = 0;
  int64_t file_id = 0;
  const pgvigil::v1::LogRecord* record = nullptr;
};

// Into pgvigil.log_block and pgvigil.log_event by COPY, within the caller's transaction.
shared::Result<void> CopyLogBlocks(shared::postgres::Connection& connection,
                                   std::span<const LogBlockRow> rows);
shared::Result<void> CopyLogEvents(shared::postgres::Connection& connection,
                                   std::span<const LogEventRow> rows);

}  // namespace collector::storage
