#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "collector/bus/record_store.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

// Rows of pgvigil.kafka_position outside the transactions that store records (those: transfer.h).
namespace collector::storage {

// bus::RecordStore::ClaimPartitions. `owner` is for people. The connection's lock_timeout is how
// long a transaction of a former owner may keep us; its partitions are left out then.
shared::Result<std::vector<bus::Claim>> ClaimPartitions(
    shared::postgres::Connection& connection, std::span<const bus::PartitionId> partitions,
    std::string_view owner);

// bus::RecordStore::MovePosition.
shared::Result<void> MovePosition(shared::postgres::Connection& connection, bus::Lease& lease,
                                  int64_t next_offset, bus::Reposition why);

}  // namespace collector::storage
