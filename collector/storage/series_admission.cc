#include "collector/storage/series_admission.h"

#include <algorithm>

namespace collector::storage {
namespace {

using shared::Result;
using shared::postgres::Connection;
using shared::postgres::Rows;

constexpr std::string_view kLockTenant =
    "/* pgvigil */ SELECT FROM pgvigil.tenant WHERE id = $1::int4 FOR NO KEY UPDATE";

// A statement after the lock, so that its snapshot has what the one before us committed.
constexpr std::string_view kCount = R"sql(/* pgvigil */
WITH counted AS (
  INSERT INTO pgvigil.host_series (host_id, tenant_id, active)
  SELECT $2::int4, $1::int4, count(*) FROM pgvigil.series
  WHERE host_id = $2::int4 AND last_seen > now() - interval '2 days'
  ON CONFLICT (host_id) DO UPDATE SET active = excluded.active, counted_at = now()
  RETURNING active
)
SELECT active, (SELECT coalesce(sum(o.active), 0)::int8 FROM pgvigil.host_series o
                WHERE o.tenant_id = $1::int4 AND o.host_id <> $2::int4)
FROM counted)sql";

constexpr std::string_view kRecountTenant = R"sql(/* pgvigil */
UPDATE pgvigil.host_series o SET counted_at = now(), active = (
  SELECT count(*) FROM pgvigil.series s
  WHERE s.host_id = o.host_id AND s.last_seen > now() - interval '2 days')
WHERE o.tenant_id = $1::int4 AND o.counted_at < now() - interval '1 hour')sql";

constexpr std::string_view kAddToHost = R"sql(/* pgvigil */
UPDATE pgvigil.host_series SET active = active + $2::int4 WHERE host_id = $1::int4)sql";

struct Use {
  uint64_t of_host = 0;
  uint64_t of_others = 0;
};

Result<Use> CountUse(Connection& connection, const std::string& tenant, const std::string& host) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kCount, {tenant, host}));
  return Use{rows.Unsigned(0, 0).value_or(0), rows.Unsigned(0, 1).value_or(0)};
}

uint64_t RoomFor(uint64_t used, uint64_t most) {
  return used < most ? most - used : 0;
}

}  // namespace

Result<void> LockSeries(Connection& connection, int32_t tenant) {
  RETURN_IF_ERROR(connection.Query(kLockTenant, {std::to_string(tenant)}));
  return {};
}

Result<Admission> AdmitSeries(Connection& connection, int32_t tenant_id, int32_t host_id,
                              uint64_t wanted, const SeriesLimits& limits) {
  const std::string tenant = std::to_string(tenant_id);
  const std::string host = std::to_string(host_id);
  ASSIGN_OR_RETURN(Use use, CountUse(connection, tenant, host));
  if (use.of_host + use.of_others + wanted > limits.per_tenant) {
    RETURN_IF_ERROR(connection.Query(kRecountTenant, {tenant}));
    ASSIGN_OR_RETURN(use, CountUse(connection, tenant, host));
  }
  const uint64_t of_host = RoomFor(use.of_host, limits.per_agent);
  const uint64_t of_tenant = RoomFor(use.of_host + use.of_others, limits.per_tenant);
  Admission out;
  out.admitted = std::min({wanted, of_host, of_tenant});
  if (out.admitted < wanted) {
    const bool agent = of_host <= of_tenant;
    out.limit = agent ? "series_per_agent" : "series_per_tenant";
    out.used = agent ? use.of_host : use.of_host + use.of_others;
    out.most = agent ? limits.per_agent : limits.per_tenant;
  }
  if (out.admitted > 0) {
    RETURN_IF_ERROR(connection.Query(kAddToHost, {host, std::to_string(out.admitted)}));
  }
  return out;
}

Result<uint64_t> CountNewLayouts(Connection& connection, int32_t host) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query("/* pgvigil */ SELECT count(*) FROM pgvigil.layout"
                                    " WHERE host_id = $1::int4"
                                    " AND first_seen > now() - interval '1 hour'",
                                    {std::to_string(host)}));
  return rows.Unsigned(0, 0).value_or(0);
}

}  // namespace collector::storage
