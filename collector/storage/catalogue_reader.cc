#include "collector/storage/catalogue_reader.h"

#include <fmt/format.h>

#include <map>

#include "collector/storage/sql_text.h"
#include "shared/wire/names.h"

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Parameter;
using shared::postgres::Rows;

shared::WallTime TimeAt(const Rows& rows, size_t row, size_t column) {
  return FromUnixMicros(rows.Int(row, column).value_or(0));
}

std::string TextAt(const Rows& rows, size_t row, size_t column) {
  return std::string(rows.Text(row, column));
}

uint64_t UnsignedAt(const Rows& rows, size_t row, size_t column) {
  return rows.Unsigned(row, column).value_or(0);
}

api::AgentStreamRow StreamAt(const Rows& rows, size_t row) {
  api::AgentStreamRow stream;
  stream.stream =
      shared::wire::StreamName(static_cast<pgvigil::v1::Stream>(rows.Int(row, 1).value_or(0)));
  stream.incarnation = UnsignedAt(rows, row, 2);
  stream.sequence = UnsignedAt(rows, row, 3);
  stream.batches = UnsignedAt(rows, row, 4);
  stream.gaps = UnsignedAt(rows, row, 5);
  stream.duplicates = UnsignedAt(rows, row, 6);
  stream.last_received = TimeAt(rows, row, 7);
  stream.last_event = TimeAt(rows, row, 8);
  return stream;
}

}  // namespace

Result<std::vector<api::HostRow>> ReadHosts(ReadSession& session, access::TenantId tenant,
                                            size_t limit) {
  const std::string sql = fmt::format(
      "/* pgvigil hosts */ SELECT h.id, h.name, h.host_key, h.resource, {}, {}"
      " FROM pgvigil.host h WHERE h.tenant_id = $1::int4 ORDER BY h.name, h.id LIMIT $2::int8",
      EpochMicros("h.first_seen"),
      EpochMicros("greatest(h.last_seen, (SELECT max(s.last_received) FROM pgvigil.agent a JOIN"
                  " pgvigil.agent_stream s ON s.agent_id = a.id WHERE a.host_id = h.id))"));
  ASSIGN_OR_RETURN(const Rows rows,
                   session.Query(sql, {std::to_string(tenant.value), std::to_string(limit)}));
  std::vector<api::HostRow> hosts;
  for (size_t row = 0; row < rows.size(); ++row) {
    hosts.push_back({static_cast<int32_t>(rows.Int(row, 0).value_or(0)), TextAt(rows, row, 1),
                     TextAt(rows, row, 2), ParseLabelsJson(rows.Text(row, 3)), TimeAt(rows, row, 4),
                     TimeAt(rows, row, 5)});
  }
  return hosts;
}

Result<std::vector<api::AgentRow>> ReadAgents(ReadSession& session, access::TenantId tenant,
                                              size_t limit) {
  const std::string agents_sql = fmt::format(
      "/* pgvigil agents */ SELECT a.id, a.uuid, h.name, a.version, {}, {}, a.status,"
      " coalesce((SELECT jsonb_object_agg(r.reason, r.items) FROM (SELECT reason, sum(items) AS "
      "items"
      " FROM pgvigil.refusal WHERE agent_id = a.id GROUP BY reason) r), '{{}}')"
      " FROM pgvigil.agent a JOIN pgvigil.host h ON h.id = a.host_id WHERE a.tenant_id = $1::int4"
      " ORDER BY h.name, a.id LIMIT $2::int8",
      EpochMicros("a.first_seen"),
      EpochMicros("greatest(a.last_seen, (SELECT max(s.last_received) FROM pgvigil.agent_stream s"
                  " WHERE s.agent_id = a.id))"));
  ASSIGN_OR_RETURN(const Rows rows, session.Query(agents_sql, {std::to_string(tenant.value),
                                                               std::to_string(limit)}));
  std::vector<api::AgentRow> agents;
  std::map<int64_t, size_t> index;
  ArrayText ids;
  for (size_t row = 0; row < rows.size(); ++row) {
    api::AgentRow agent;
    agent.id = TextAt(rows, row, 1);
    agent.host_name = TextAt(rows, row, 2);
    agent.version = TextAt(rows, row, 3);
    agent.first_seen = TimeAt(rows, row, 4);
    agent.last_seen = TimeAt(rows, row, 5);
    agent.status_json = TextAt(rows, row, 6);
    agent.refused_json = TextAt(rows, row, 7);
    index[rows.Int(row, 0).value_or(0)] = agents.size();
    ids.Add(rows.Int(row, 0).value_or(0));
    agents.push_back(std::move(agent));
  }
  const std::string streams_sql = fmt::format(
      "/* pgvigil agents */ SELECT agent_id, stream, incarnation, sequence, batches, gaps, "
      "duplicates,"
      " {}, {} FROM pgvigil.agent_stream WHERE agent_id = ANY ($1::int4[]) ORDER BY agent_id, "
      "stream",
      EpochMicros("last_received"), EpochMicros("last_event"));
  ASSIGN_OR_RETURN(const Rows streams, session.Query(streams_sql, {ids.Take()}));
  for (size_t row = 0; row < streams.size(); ++row) {
    agents[index.at(streams.Int(row, 0).value_or(0))].streams.push_back(StreamAt(streams, row));
  }
  return agents;
}

Result<std::vector<api::SeriesRow>> ReadSeries(ReadSession& session, access::TenantId tenant,
                                               const api::SeriesSelector& selector, size_t limit) {
  std::string sql =
      "/* pgvigil series */ SELECT s.id, s.host_id, h.name, m.name, s.unit, s.kind, s.labels"
      " FROM pgvigil.series s JOIN pgvigil.host h ON h.id = s.host_id"
      " JOIN pgvigil.metric m ON m.id = s.metric_id WHERE h.tenant_id = $1::int4";
  std::vector<Parameter> parameters{std::to_string(tenant.value)};
  const auto add = [&](std::string_view condition, std::string value) {
    parameters.emplace_back(std::move(value));
    sql += fmt::format(fmt::runtime(condition), parameters.size());
  };
  if (!selector.name.empty()) add(" AND m.name = ${0}", selector.name);
  if (selector.host) add(" AND (h.name = ${0} OR h.host_key = ${0})", *selector.host);
  if (!selector.labels.empty()) add(" AND s.labels @> ${0}::jsonb", LabelsJson(selector.labels));
  add(" ORDER BY m.name, h.name, s.id LIMIT ${0}::int8", std::to_string(limit));
  ASSIGN_OR_RETURN(const Rows rows, session.Query(sql, parameters));
  std::vector<api::SeriesRow> out;
  out.reserve(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    out.push_back({rows.Int(row, 0).value_or(0), static_cast<int32_t>(rows.Int(row, 1).value_or(0)),
                   TextAt(rows, row, 2), TextAt(rows, row, 3), TextAt(rows, row, 4),
                   static_cast<shared::model::MetricKind>(rows.Int(row, 5).value_or(0)),
                   ParseLabelsJson(rows.Text(row, 6))});
  }
  return out;
}

}  // namespace collector::storage
