#pragma once

#include <chrono>
#include <optional>

#include "collector/api/telemetry_reader.h"
#include "collector/storage/family_index.h"
#include "collector/storage/layout_index.h"
#include "collector/storage/newest/follower.h"
#include "collector/storage/read_pool.h"
#include "collector/storage/readiness.h"
#include "collector/storage/replica_watch.h"
#include "collector/storage/store_limits.h"

namespace collector::storage {

struct ReaderOptions {
  shared::postgres::ConnectOptions connect;
  // Another server that questions are read from while it is well; writes and the caches in memory
  // stay with the primary.
  std::optional<shared::postgres::ConnectOptions> replica{};
  std::chrono::milliseconds replica_max_lag{30'000};
  int connections = 4;
  StoreLimits limits;
  std::chrono::seconds newest_window{3600};
  size_t newest_bytes = size_t{256} << 20;  // 0: nothing is kept in memory
};

// Answers the API's questions from PostgreSQL: each borrows a connection and hands the work to
// catalogue_reader, label_reader, sample_reader, statement_reader or log_reader. Thread-safe.
class Reader final : public api::TelemetryReader {
 public:
  // All but the options must outlive it. `index`: null: questions about series ask PostgreSQL.
  Reader(const ReaderOptions& options, const shared::Clock& clock, const Readiness& readiness,
         shared::metrics::Registry& registry, IndexKeeper* index = nullptr);

  shared::Result<std::vector<api::HostRow>> Hosts(const api::QueryContext& context,
                                                  size_t limit) override;
  shared::Result<std::vector<api::AgentRow>> Agents(const api::QueryContext& context,
                                                    size_t limit) override;
  shared::Result<std::vector<api::SeriesRow>> Series(const api::QueryContext& context,
                                                     const api::SeriesSelector& selector,
                                                     size_t limit) override;
  shared::Result<api::SampleAnswer> Samples(const api::QueryContext& context,
                                            const api::SampleQuery& query) override;
  shared::Result<std::vector<std::string>> LabelNames(const api::QueryContext& context,
                                                      const api::SeriesSelector& selector,
                                                      size_t limit) override;
  shared::Result<std::vector<std::string>> LabelValues(const api::QueryContext& context,
                                                       const std::string& name,
                                                       const api::SeriesSelector& selector,
                                                       size_t limit) override;
  shared::Result<api::Cardinality> CountSeries(const api::QueryContext& context,
                                               size_t top) override;
  shared::Result<std::vector<api::StatementRow>> TopStatements(
      const api::QueryContext& context, const api::StatementQuery& query) override;
  shared::Result<std::vector<api::StatementPoint>> StatementHistory(
      const api::QueryContext& context, const api::StatementQuery& query, int64_t queryid) override;
  shared::Result<api::LogPage> Logs(const api::QueryContext& context,
                                    const api::LogQuery& query) override;
  shared::Result<std::vector<api::KafkaPositionRow>> KafkaPositions(
      const api::QueryContext& context) override;
  shared::Result<std::vector<api::DeadLetterRow>> DeadLetters(
      const api::QueryContext& context, const api::DeadLetterQuery& query) override;
  shared::Result<api::LogPatternPage> LogPatterns(const api::QueryContext& context,
                                                  const api::LogPatternQuery& query) override;
  shared::Result<void> Ready() override;

 private:
  // A connection, once the schema is known to be there.
  shared::Result<ReadSession> Lease(shared::MonotonicTime deadline);

  std::optional<ReplicaWatch> replica_;
  std::optional<ReadPool> pool_;
  const shared::Clock& clock_;
  const Readiness& readiness_;
  const StoreLimits limits_;
  LayoutIndexes layouts_;
  FamilyIndex families_;
  std::optional<newest::Follower> newest_;  // last: has a thread
};

}  // namespace collector::storage
