#pragma once

#include <vector>

#include "collector/storage/read_pool.h"

// What came through Kafka, as telemetry_reader.h says.
namespace collector::storage {

shared::Result<std::vector<api::KafkaPositionRow>> ReadKafkaPositions(ReadSession& session);
shared::Result<std::vector<api::DeadLetterRow>> ReadDeadLetters(ReadSession& session,
                                                                access::TenantId tenant,
                                                                const api::DeadLetterQuery& query);

}  // namespace collector::storage
