#pragma once

#include <span>

#include "collector/storage/batch_plan.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

struct BlockRow {
  HostId host;
  PlannedBlock planned;
};

// Into pgvigil.block by COPY, within the caller's transaction. kInvalidInput with SQLSTATE 23505:
// one of them exists already.
shared::Result<void> CopyBlocks(shared::postgres::Connection& connection,
                                std::span<const BlockRow> rows);

// The slow way, by a temporary table: those that exist already are left out. Returns how many were.
shared::Result<uint64_t> CopyBlocksThatAreNew(shared::postgres::Connection& connection,
                                              std::span<const BlockRow> rows);

}  // namespace collector::storage
