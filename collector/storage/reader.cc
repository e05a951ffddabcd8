#include "collector/storage/reader.h"

#include "collector/storage/catalogue_reader.h"
#include "collector/storage/kafka_reader.h"
#include "collector/storage/label_reader.h"
#include "collector/storage/logs/log_pattern_reader.h"
#include "collector/storage/logs/log_reader.h"
#include "collector/storage/sample_reader.h"
#include "collector/storage/statement_reader.h"

namespace collector::storage {

using shared::Result;

Reader::Reader(const ReaderOptions& options, const shared::Clock& clock, const Readiness& readiness,
               shared::metrics::Registry& registry, IndexKeeper* index)
    : clock_(clock), readiness_(readiness), limits_(options.limits) {
  if (options.replica) {
    replica_.emplace(ReplicaOptions{.primary = options.connect,
                                    .replica = *options.replica,
                                    .max_lag = options.replica_max_lag},
                     registry);
  }
  pool_.emplace(options.connect, options.connections, clock, index,
                replica_ ? &*replica_ : nullptr);
  if (options.newest_bytes == 0) return;
  newest::FollowerOptions follow;
  follow.connect = options.connect;
  follow.window = options.newest_window;
  follow.max_bytes = options.newest_bytes;
  newest_.emplace(std::move(follow), layouts_, clock, readiness, registry);
}

Result<ReadSession> Reader::Lease(shared::MonotonicTime deadline) {
  RETURN_IF_ERROR(readiness_.Get());
  return pool_->Lease(deadline);
}

Result<std::vector<api::HostRow>> Reader::Hosts(const api::QueryContext& context, size_t limit) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadHosts(session, context.tenant, limit);
}

Result<std::vector<api::AgentRow>> Reader::Agents(const api::QueryContext& context, size_t limit) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadAgents(session, context.tenant, limit);
}

Result<std::vector<api::SeriesRow>> Reader::Series(const api::QueryContext& context,
                                                   const api::SeriesSelector& selector,
                                                   size_t limit) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadSeries(session, context.tenant, selector, limit);
}

Result<std::vector<std::string>> Reader::LabelNames(const api::QueryContext& context,
                                                    const api::SeriesSelector& selector,
                                                    size_t limit) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadLabelNames(session, context.tenant, selector, limit);
}

Result<std::vector<std::string>> Reader::LabelValues(const api::QueryContext& context,
                                                     const std::string& name,
                                                     const api::SeriesSelector& selector,
                                                     size_t limit) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadLabelValues(session, context.tenant, name, selector, limit);
}

Result<api::Cardinality> Reader::CountSeries(const api::QueryContext& context, size_t top) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadCardinality(session, context.tenant, limits_.series, top);
}

Result<api::SampleAnswer> Reader::Samples(const api::QueryContext& context,
                                          const api::SampleQuery& query) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  api::SampleQuery seen = query;
  // From the begin of the first step; without an end: a series that was registered later may hold
  // samples that came late.
  seen.selector.seen = {query.range.from - query.step, shared::WallTime::max()};
  return ReadSamples(session, context.tenant, seen,
                     {layouts_, families_, newest_ ? &*newest_ : nullptr},
                     {query.series_limit, query.sample_limit, limits_.block_span});
}

Result<std::vector<api::StatementRow>> Reader::TopStatements(const api::QueryContext& context,
                                                             const api::StatementQuery& query) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadTopStatements(session, context.tenant, query);
}

Result<std::vector<api::StatementPoint>> Reader::StatementHistory(const api::QueryContext& context,
                                                                  const api::StatementQuery& query,
                                                                  int64_t queryid) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadStatementHistory(session, context.tenant, query, queryid);
}

Result<api::LogPage> Reader::Logs(const api::QueryContext& context, const api::LogQuery& query) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadLogs(session, context.tenant, query);
}

Result<std::vector<api::KafkaPositionRow>> Reader::KafkaPositions(
    const api::QueryContext& context) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadKafkaPositions(session);
}

Result<std::vector<api::DeadLetterRow>> Reader::DeadLetters(const api::QueryContext& context,
                                                            const api::DeadLetterQuery& query) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadDeadLetters(session, context.tenant, query);
}

Result<api::LogPatternPage> Reader::LogPatterns(const api::QueryContext& context,
                                                const api::LogPatternQuery& query) {
  ASSIGN_OR_RETURN(ReadSession session, Lease(context.deadline));
  return ReadLogPatterns(session, context.tenant, query);
}

Result<void> Reader::Ready() {
  ASSIGN_OR_RETURN(ReadSession session, Lease(clock_.Monotonic() + std::chrono::seconds(2)));
  RETURN_IF_ERROR(session.Query("SELECT 1"));
  return {};
}

}  // namespace collector::storage
