#include "collector/storage/sample_reader.h"

#include <algorithm>

#include "collector/storage/block_samples.h"
#include "collector/storage/catalogue_reader.h"
#include "collector/storage/chunk_samples.h"
#include "collector/storage/newest/newest_samples.h"
#include "collector/storage/rollups/aggregate_reader.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;

// Which series: the one place that asks the catalogue.
Result<std::vector<api::SeriesRow>> FindSeries(ReadSession& session, access::TenantId tenant,
                                               const api::SeriesSelector& selector,
                                               size_t series_limit) {
  // Counted exactly for the message, up to a point.
  const size_t enough = series_limit + 10'000;
  ASSIGN_OR_RETURN(std::vector<api::SeriesRow> series,
                   ReadSeries(session, tenant, selector, enough));
  if (series.size() <= series_limit) return series;
  return Fail(ErrorCode::kResourceExhausted,
              "{}{} series match, at most {} can be read at once: name a host, a metric or labels",
              series.size() == enough ? "more than " : "", series.size(), series_limit);
}

// What PostgreSQL holds of `range`: blocks that are in no chunk, then chunks. As a rule there are
// no such blocks beside memory, so little chunks are asked for along with that question; should
// there be some, and for series that were in no family yet, chunks are asked for after the blocks,
// for their windows may have been compacted meanwhile.
Result<void> AddStored(const api::TimeRange& range, const SampleMemory& memory,
                       SampleQuestion& question) {
  ChunkScan chunks(range, question);
  ASSIGN_OR_RETURN(const bool at_once, chunks.FindFamilies(memory.families));
  std::vector<ReadStatement> statements{
      UncompactedStatement(BlockBegins(range, question), question)};
  if (at_once) {
    for (ReadStatement& one : chunks.Statements()) statements.push_back(std::move(one));
  }
  ASSIGN_OR_RETURN(const std::vector<shared::postgres::Rows> answers,
                   question.session.QueryAll(statements));
  const std::vector<BlockWindow> windows = ToUncompacted(answers.front());
  if (at_once && windows.empty()) return chunks.Add(std::span(answers).subspan(1));
  RETURN_IF_ERROR(AddBlockSamples(range, windows, memory.layouts, question));
  if (!at_once) RETURN_IF_ERROR(chunks.FindFamilies(memory.families));
  return chunks.Run();
}

}  // namespace

Result<void> AddSamples(const api::TimeRange& range, const SampleMemory& memory,
                        SampleQuestion& question) {
  std::optional<newest::NewestBlocks::Found> newest;
  if (memory.newest != nullptr && memory.newest->CatchUp(question.session.deadline())) {
    std::vector<int32_t> hosts;
    for (const auto& [host, wanted] : question.hosts) hosts.push_back(host);
    newest = memory.newest->blocks().Find(hosts, range.from, range.to);
  }
  const shared::WallTime stored_to = newest ? newest->from : range.to;
  if (range.from < stored_to) {
    RETURN_IF_ERROR(AddStored({range.from, stored_to}, memory, question));
  }
  if (newest) RETURN_IF_ERROR(newest::AddNewestSamples(*newest, range.to, question));
  return {};
}

Result<api::SampleAnswer> ReadSamples(ReadSession& session, access::TenantId tenant,
                                      const api::SampleQuery& query, const SampleMemory& memory,
                                      const SampleLimits& limits) {
  const api::TimeRange& range = query.range;
  if (range.from >= range.to) {
    return Fail(ErrorCode::kInvalidInput, "the range ends before it begins: {} to {}",
                FormatTimestamp(range.from), FormatTimestamp(range.to));
  }
  ASSIGN_OR_RETURN(std::vector<api::SeriesRow> series,
                   FindSeries(session, tenant, query.selector, limits.series));
  api::SampleAnswer answer;
  if (series.empty()) return answer;
  if (query.aggregate) return ReadAggregates(session, query, std::move(series), memory, limits);
  SampleQuestion question{session, limits, {}, series.size(), SampleMerge(series.size())};
  for (size_t i = 0; i < series.size(); ++i) {
    question.hosts[series[i].host_id].push_back({series[i].id, i});
  }
  RETURN_IF_ERROR(AddSamples(range, memory, question));
  RETURN_IF_ERROR(question.Check());
  std::vector<std::vector<api::SampleRow>> samples = question.found.Take();
  for (size_t i = 0; i < series.size(); ++i) {
    answer.series.push_back({std::move(series[i]), std::move(samples[i])});
  }
  return answer;
}

}  // namespace collector::storage
