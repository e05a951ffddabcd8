#include "collector/bus/batch_headers.h"

#include "shared/text/hex.h"
#include "shared/wire/names.h"

namespace collector::bus {

std::vector<std::pair<std::string, std::string>> BatchHeaders(
    const ingest::AcceptedBatch& accepted) {
  const pgvigil::v1::Batch& batch = accepted.batch;
  uint64_t samples = 0;
  for (const auto& block : batch.blocks()) samples += uint64_t{block.ticks()} * block.series();
  int records = 0;
  for (const auto& chunk : batch.logs()) records += chunk.records_size();
  int deltas = 0;
  for (const auto& interval : batch.statements()) deltas += interval.deltas_size();
  std::vector<std::pair<std::string, std::string>> out;
  out.emplace_back(kSchemaHeader, kBatchSchema);
  out.emplace_back(kVersionHeader, kBatchVersion);
  out.emplace_back(kTenantHeader, std::to_string(accepted.tenant.value));
  out.emplace_back(kAgentHeader, shared::text::ToUuid(batch.agent_id()));
  out.emplace_back(kIncarnationHeader, std::to_string(batch.incarnation()));
  out.emplace_back(kStreamHeader, shared::wire::StreamName(batch.stream()));
  out.emplace_back(kSequenceHeader, std::to_string(batch.sequence()));
  out.emplace_back(kSamplesHeader, std::to_string(samples));
  out.emplace_back(kRecordsHeader, std::to_string(records));
  out.emplace_back(kDeltasHeader, std::to_string(deltas));
  return out;
}

}  // namespace collector::bus
