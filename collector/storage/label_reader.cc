#include "collector/storage/label_reader.h"

#include <fmt/format.h>

#include "collector/storage/index/index_keeper.h"
#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::ErrorCode;
using shared::Fail;
using shared::Result;
using shared::postgres::Rows;

using Ask = std::function<void(const SeriesIndex&)>;

Result<void> AskIndex(ReadSession& session, const Ask& ask) {
  if (session.index() != nullptr && session.index()->Ask(ask)) return {};
  return Fail(ErrorCode::kUnavailable, "the label index is being loaded");
}

}  // namespace

Result<std::vector<std::string>> ReadLabelNames(ReadSession& session, access::TenantId tenant,
                                                const api::SeriesSelector& selector, size_t limit) {
  ASSIGN_OR_RETURN(const SeriesFilter filter, SeriesFilter::Make(selector));
  std::vector<std::string> out;
  RETURN_IF_ERROR(AskIndex(session, [&](const SeriesIndex& index) {
    out = index.LabelNames(tenant.value, filter, limit);
  }));
  return out;
}

Result<std::vector<std::string>> ReadLabelValues(ReadSession& session, access::TenantId tenant,
                                                 const std::string& name,
                                                 const api::SeriesSelector& selector,
                                                 size_t limit) {
  ASSIGN_OR_RETURN(const SeriesFilter filter, SeriesFilter::Make(selector));
  std::vector<std::string> out;
  RETURN_IF_ERROR(AskIndex(session, [&](const SeriesIndex& index) {
    out = index.LabelValues(tenant.value, name, filter, limit);
  }));
  return out;
}

Result<api::Cardinality> ReadCardinality(ReadSession& session, access::TenantId tenant,
                                         const SeriesLimits& limits, size_t top) {
  api::Cardinality out;
  RETURN_IF_ERROR(AskIndex(session, [&](const SeriesIndex& index) {
    out = index.Count(tenant.value, session.Now(), top);
  }));
  out.series_per_agent = limits.per_agent;
  out.series_per_tenant = limits.per_tenant;
  const std::string tenant_text = std::to_string(tenant.value);
  ASSIGN_OR_RETURN(const Rows active,
                   session.Query("/* pgvigil cardinality */ SELECT coalesce(sum(active), 0)::int8"
                                 " FROM pgvigil.host_series WHERE tenant_id = $1::int4",
                                 {tenant_text}));
  out.active = active.Unsigned(0, 0).value_or(0);
  ASSIGN_OR_RETURN(
      const Rows rows,
      session.Query(fmt::format("/* pgvigil cardinality */ SELECT h.name, r.metric, r.reason,"
                                " r.series, r.example, {} FROM pgvigil.series_refusal r"
                                " JOIN pgvigil.host h ON h.id = r.host_id"
                                " WHERE h.tenant_id = $1::int4"
                                " ORDER BY r.last_seen DESC, r.series DESC, h.name, r.metric"
                                " LIMIT $2::int8",
                                EpochMicros("r.last_seen")),
                    {tenant_text, std::to_string(top)}));
  for (size_t row = 0; row < rows.size(); ++row) {
    api::RefusedSeries refused;
    refused.host_name = rows.Text(row, 0);
    refused.metric = rows.Text(row, 1);
    refused.limit = rows.Text(row, 2);
    refused.series = rows.Unsigned(row, 3).value_or(0);
    refused.example = ParseLabelsJson(rows.Text(row, 4));
    refused.last_seen = FromUnixMicros(rows.Int(row, 5).value_or(0));
    out.refused.push_back(std::move(refused));
  }
  return out;
}

}  // namespace collector::storage
