#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collector/api/telemetry_reader.h"
#include "collector/bus/record_store.h"
#include "collector/ingest/batch_store.h"
#include "collector/storage/compaction/compaction_options.h"
#include "collector/storage/index/index_keeper.h"
#include "collector/storage/maintenance/maintainer.h"
#include "collector/storage/partition_keeper.h"
#include "collector/storage/readiness.h"
#include "collector/storage/record_writer.h"
#include "collector/storage/retention/retention.h"
#include "collector/storage/rollups/rollup_options.h"
#include "collector/storage/store_metrics.h"
#include "collector/storage/writer.h"
#include "collector/storage/writer_session.h"
#include "shared/base/clock.h"
#include "shared/metrics/registry.h"

namespace collector::storage {

struct StoreOptions {
  shared::postgres::ConnectOptions connect;
  StoreLimits limits;
  // False: for a process that only answers questions. No writers, no upkeep: the schema is another
  // collector's business.
  bool writes = true;
  bool maintains = true;  // runs chores when it is its turn; false: another collector shall
  // True: writers take records from Kafka (SubmitRecord) instead of batches (Submit).
  bool consumes = false;
  int writers = 2;
  size_t queue_bytes = size_t{64} << 20;  // of all writers together
  size_t group_batches = 100;
  std::chrono::milliseconds gather{3};
  size_t batches_per_agent = 16;  // that may wait at once
  bool reads = true;              // false: no questions, so no label index
  int readers = 4;
  std::optional<shared::postgres::ConnectOptions> replica{};  // see ReaderOptions
  std::chrono::milliseconds replica_max_lag{30'000};
  std::chrono::seconds newest_window{3600};  // kept in memory for questions
  size_t newest_bytes = size_t{256} << 20;   // at most; 0: nothing is kept
  std::chrono::milliseconds upkeep_interval{30'000};
  RetentionOptions retention;
  CompactionOptions compaction;
  RollupOptions rollups;
  int partitions_ahead = 3;  // days; hourly tables are always 6 hours ahead
  shared::Backoff::Config reconnect{std::chrono::milliseconds(250), std::chrono::seconds(10)};
};

// The PostgreSQL store: writes batches, answers questions, keeps schema and partitions.
//
// Opens whether or not PostgreSQL is there. Until the schema is applied (by upkeep, which tries
// again with backoff), Submit's callbacks say kUnavailable and so does reader().Ready(); when it
// goes away later the same happens, and both recover by themselves.
//
// Batches of one agent all go to the writer that the hash of its id names, so that their order
// is kept; row locks in agent_stream keep several collectors apart. Thread-safe.
class Store final : public ingest::BatchStore, public bus::RecordStore {
 public:
  // kInvalidInput: options that cannot work. The clock and the registry must outlive the store.
  static shared::Result<std::unique_ptr<Store>> Open(StoreOptions options,
                                                     const shared::Clock& clock,
                                                     shared::metrics::Registry& registry);
  ~Store() override;

  bool Submit(ingest::AcceptedBatch& batch,
              std::function<void(shared::Result<pgvigil::v1::BatchReply>)> done) override;

  // Records of a partition all go to one writer. Only when opened with `consumes`.
  shared::Result<std::vector<bus::Claim>> ClaimPartitions(
      std::span<const bus::PartitionId> partitions) override;
  shared::Result<void> MovePosition(bus::Lease& lease, int64_t next_offset,
                                    bus::Reposition why) override;
  bool SubmitRecord(bus::PendingRecord& record,
                    std::chrono::steady_clock::time_point deadline) override;

  // Whether batches can be stored now, as upkeep last found. Waits for nothing.
  [[nodiscard]] shared::Result<void> Ready() const { return readiness_.Get(); }

  // Answers questions; lives as long as the store.
  [[nodiscard]] api::TelemetryReader& reader() { return *reader_; }

  // Ends input, stores what waits, stops all threads. Callbacks all come before it returns.
  void Close();

 private:
  Store(StoreOptions options, const shared::Clock& clock, shared::metrics::Registry& registry);
  [[nodiscard]] std::vector<std::unique_ptr<Chore>> Chores(shared::metrics::Registry& registry);
  shared::Result<shared::postgres::Connection*> ClaimSession();
  void RunUpkeep(std::stop_token stop);
  shared::Result<void> Upkeep(std::optional<shared::postgres::Connection>& connection,
                              bool& migrated);
  shared::Result<void> PrepareSchema(shared::postgres::Connection& connection);
  shared::Result<void> KeepPartitions(shared::postgres::Connection& connection);

  const StoreOptions options_;
  const shared::Clock& clock_;
  // Shared with callbacks under way, which may outlive a call of Submit.
  const std::shared_ptr<shared::Guarded<std::map<std::string, size_t>>> waiting_;  // by agent
  StoreMetrics metrics_;
  PartitionKeeper partitions_;
  Readiness readiness_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::vector<std::unique_ptr<RecordWriter>> record_writers_;
  WriterSession claims_;  // of the consumer's thread
  std::optional<IndexKeeper> index_;
  std::unique_ptr<api::TelemetryReader> reader_;
  // Upkeep waits on these between rounds; nobody notifies, only a stop ends the wait early.
  std::mutex round_mutex_;
  std::condition_variable_any round_;
  std::jthread upkeep_;
  std::optional<Maintainer> maintainer_;  // last
};

}  // namespace collector::storage
