#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collector/ingest/batch_store.h"
#include "collector/ingest/refusals.h"
#include "collector/storage/catalogue.h"
#include "collector/storage/layout_registry.h"
#include "collector/storage/partition.h"
#include "collector/storage/store_limits.h"
#include "shared/wire/block_codec.h"

namespace collector::storage {

// Parts of a batch with the ids that their rows need. They point into the batch.
struct PlannedBlock {
  int64_t layout_id = 0;
  const pgvigil::v1::MetricBlock* block = nullptr;
};
struct PlannedChunk {
  int64_t file_id = 0;
  const pgvigil::v1::LogChunk* chunk = nullptr;
  std::vector<const pgvigil::v1::LogRecord*> records;  // those within the store's limits
};
struct PlannedInterval {
  int32_t instance_id = 0;
  const pgvigil::v1::StatementInterval* interval = nullptr;
};

// What has to be written for a batch, if its sequence turns out to be new.
struct BatchPlan {
  const pgvigil::v1::Batch* batch = nullptr;
  HostId host;
  AgentId agent;
  std::vector<PlannedBlock> blocks;
  std::vector<PlannedChunk> chunks;
  std::vector<PlannedInterval> intervals;
  std::set<std::string> missing_layouts;       // hashes; not empty: the batch cannot be stored yet
  std::vector<pgvigil::v1::Refusal> refusals;  // of ingest and of the store
  std::set<Partition> partitions;              // that the rows go to
  std::optional<shared::WallTime> last_event;
  uint64_t samples = 0;
  size_t cost_bytes = 0;
  bool foreign = false;  // ingest::AcceptedBatch::foreign
};

// Turns batches into plans: registers what is new in the catalogue and checks every block by
// decoding it, so that whatever is stored can be read. One per writer thread.
class BatchPlanner {
 public:
  BatchPlanner(const shared::Clock& clock, StoreLimits limits)
      : clock_(clock), limits_(limits), catalogue_(clock), layouts_(clock, limits.series) {}

  // kInvalidInput: the batch can never be stored. Refusals: "malformed_block" (does not decode, or
  // contradicts its layout or its own header), "block_too_long", "timestamp_out_of_range",
  // "series_limit" (samples of series that were not admitted), "layout_limit".
  shared::Result<BatchPlan> Plan(shared::postgres::Connection& connection,
                                 const ingest::AcceptedBatch& accepted);
  // After the connection was lost or the catalogue turned out to be changed by hand.
  void Forget() {
    catalogue_.Forget();
    layouts_.Forget();
  }

 private:
  shared::Result<void> PlanMetrics(shared::postgres::Connection& connection,
                                   const ingest::AcceptedBatch& accepted, BatchPlan& plan,
                                   ingest::Refusals& refusals);
  shared::Result<void> PlanLogs(shared::postgres::Connection& connection, BatchPlan& plan,
                                ingest::Refusals& refusals);
  shared::Result<void> PlanStatements(shared::postgres::Connection& connection, BatchPlan& plan,
                                      ingest::Refusals& refusals);
  // "" or the reason to refuse it; `example` says what is wrong.
  std::string_view BlockFault(const pgvigil::v1::MetricBlock& block, uint32_t layout_series,
                              std::string& example);

  const shared::Clock& clock_;
  const StoreLimits limits_;
  Catalogue catalogue_;
  LayoutRegistry layouts_;
  shared::wire::BlockDecoder decoder_;
  shared::model::Block scratch_;
};

}  // namespace collector::storage
