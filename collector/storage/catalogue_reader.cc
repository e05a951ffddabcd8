#include "collector/storage/catalogue_reader.h"

#include <fmt/format.h>

#include <map>

#include "collector/storage/index/index_keeper.h"
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

constexpr size_t kSeriesPage = 5000;

// What PostgreSQL can sift out of a selector by itself; the rest is judged here, row by row.
class SeriesSql {
 public:
  SeriesSql(access::TenantId tenant, const api::SeriesSelector& selector,
            const SeriesFilter& filter)
      : parameters_{std::to_string(tenant.value)} {
    if (!selector.name.empty()) Add("m.name = ${0}", selector.name);
    if (selector.host) Add("(h.name = ${0} OR h.host_key = ${0})", *selector.host);
    for (const api::Matcher& matcher : selector.matchers) {
      if (matcher.op != api::MatchOp::kEqual) continue;
      if (matcher.name == kMetricLabel) Add("m.name = ${0}", matcher.value);
      if (matcher.name == "host" || matcher.name == kHostLabel) Add("h.name = ${0}", matcher.value);
    }
    if (filter.from > 0) {
      Add("s.last_seen >= to_timestamp(${0}::int8)", std::to_string(int64_t{filter.from} * 86'400));
    }
    if (filter.to < kLastDay) {
      Add("s.first_seen < to_timestamp(${0}::int8)",
          std::to_string((int64_t{filter.to} + 1) * 86'400));
    }
  }
  // After `last` in the order of answers; from the beginning when it is null.
  Result<Rows> Page(ReadSession& session, const api::SeriesRow* last) const {
    std::string sql = sql_;
    std::vector<Parameter> parameters = parameters_;
    if (last != nullptr) {
      sql += fmt::format(
          " AND (m.name COLLATE \"C\", h.name COLLATE \"C\", s.id) > (${}, ${}, ${}::int8)",
          parameters.size() + 1, parameters.size() + 2, parameters.size() + 3);
      parameters.insert(parameters.end(), {last->name, last->host_name, std::to_string(last->id)});
    }
    sql += fmt::format(" ORDER BY m.name COLLATE \"C\", h.name COLLATE \"C\", s.id LIMIT {}",
                       kSeriesPage);
    return session.Query(sql, parameters);
  }

 private:
  void Add(std::string_view condition, std::string value) {
    parameters_.emplace_back(std::move(value));
    sql_ += " AND " + fmt::format(fmt::runtime(condition), parameters_.size());
  }

  std::string sql_ =
      "/* pgvigil series */ SELECT s.id, s.host_id, h.name, m.name, s.unit, s.kind, s.labels,"
      " h.host_key FROM pgvigil.series s JOIN pgvigil.host h ON h.id = s.host_id"
      " JOIN pgvigil.metric m ON m.id = s.metric_id WHERE h.tenant_id = $1::int4";
  std::vector<Parameter> parameters_;
};

// Without the index, while it is being loaded.
Result<std::vector<api::SeriesRow>> ReadSeriesBySql(ReadSession& session, access::TenantId tenant,
                                                    const api::SeriesSelector& selector,
                                                    const SeriesFilter& filter, size_t limit) {
  const SeriesSql sql(tenant, selector, filter);
  std::vector<api::SeriesRow> out;
  api::SeriesRow last;
  for (bool first = true, more = true; more && out.size() < limit; first = false) {
    ASSIGN_OR_RETURN(const Rows rows, sql.Page(session, first ? nullptr : &last));
    more = rows.size() == kSeriesPage;
    for (size_t row = 0; row < rows.size() && out.size() < limit; ++row) {
      last = {rows.Int(row, 0).value_or(0),
              static_cast<int32_t>(rows.Int(row, 1).value_or(0)),
              TextAt(rows, row, 2),
              TextAt(rows, row, 3),
              TextAt(rows, row, 4),
              static_cast<shared::model::MetricKind>(rows.Int(row, 5).value_or(0)),
              ParseLabelsJson(rows.Text(row, 6))};
      if (filter.Accepts(last, rows.Text(row, 7))) out.push_back(last);
    }
  }
  return out;
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
  ASSIGN_OR_RETURN(const SeriesFilter filter, SeriesFilter::Make(selector));
  std::vector<api::SeriesRow> out;
  const bool asked =
      session.index() != nullptr && session.index()->Ask([&](const SeriesIndex& index) {
        out = index.Select(tenant.value, filter, limit);
      });
  if (asked) return out;
  return ReadSeriesBySql(session, tenant, selector, filter, limit);
}

}  // namespace collector::storage
