#include "collector/storage/series_admission.h"

#include <algorithm>

#include "shared/postgres/kept.h"

namespace collector::storage {
namespace {

using namespace std::chrono_literals;
using shared::Result;
using shared::postgres::Connection;
using shared::postgres::QueryKept;
using shared::postgres::Rows;

constexpr std::string_view kLockTenant =
    "/* pgvigil */ SELECT FROM pgvigil.tenant WHERE id = $1::int4 FOR NO KEY UPDATE";

constexpr auto kTotalPeriod = 5s;
constexpr uint64_t kMostInTotalPeriod = 250'000;  // more than is ever registered in it

// Statements after the lock, so that their snapshot has what the one before us committed.
constexpr std::string_view kCountHost = R"sql(/* pgvigil */
INSERT INTO pgvigil.host_series (host_id, tenant_id, active)
SELECT $2::int4, $1::int4, count(*) FROM pgvigil.series
WHERE host_id = $2::int4 AND last_seen > now() - interval '2 days'
ON CONFLICT (host_id) DO UPDATE SET active = excluded.active, counted_at = now()
RETURNING active)sql";

constexpr std::string_view kCountTenant = R"sql(/* pgvigil */
SELECT coalesce(sum(active), 0)::int8 FROM pgvigil.host_series WHERE tenant_id = $1::int4)sql";

constexpr std::string_view kRecountTenant = R"sql(/* pgvigil */
UPDATE pgvigil.host_series o SET counted_at = now(), active = (
  SELECT count(*) FROM pgvigil.series s
  WHERE s.host_id = o.host_id AND s.last_seen > now() - interval '2 days')
WHERE o.tenant_id = $1::int4 AND o.counted_at < now() - interval '1 hour')sql";

constexpr std::string_view kAddToHost = R"sql(/* pgvigil */
UPDATE pgvigil.host_series SET active = active + $2::int4 WHERE host_id = $1::int4)sql";

uint64_t RoomFor(uint64_t used, uint64_t most) {
  return used < most ? most - used : 0;
}

}  // namespace

Result<void> LockSeries(Connection& connection, int32_t tenant) {
  RETURN_IF_ERROR(QueryKept(connection, kLockTenant, {std::to_string(tenant)}));
  return {};
}

// Of all the tenant's hosts, this one's count included.
Result<uint64_t> SeriesAdmission::TotalOf(Connection& connection, int32_t tenant, uint64_t wanted) {
  const shared::MonotonicTime now = clock_.Monotonic();
  const auto known = totals_.find(tenant);
  if (known != totals_.end() && now - known->second.counted < kTotalPeriod &&
      known->second.active + wanted + kMostInTotalPeriod < limits_.per_tenant) {
    return known->second.active;
  }
  const std::string text = std::to_string(tenant);
  const auto sum = [&]() -> Result<uint64_t> {
    ASSIGN_OR_RETURN(const Rows rows, QueryKept(connection, kCountTenant, {text}));
    return rows.Unsigned(0, 0).value_or(0);
  };
  ASSIGN_OR_RETURN(uint64_t active, sum());
  if (active + wanted > limits_.per_tenant) {
    RETURN_IF_ERROR(connection.Query(kRecountTenant, {text}));
    ASSIGN_OR_RETURN(active, sum());
  }
  totals_[tenant] = {active, now};
  return active;
}

Result<Admission> SeriesAdmission::Admit(Connection& connection, int32_t tenant_id, int32_t host_id,
                                         uint64_t wanted) {
  const std::string host = std::to_string(host_id);
  ASSIGN_OR_RETURN(const Rows counted,
                   QueryKept(connection, kCountHost, {std::to_string(tenant_id), host}));
  const uint64_t active = counted.Unsigned(0, 0).value_or(0);
  ASSIGN_OR_RETURN(const uint64_t total, TotalOf(connection, tenant_id, wanted));
  const uint64_t of_host = RoomFor(active, limits_.per_agent);
  const uint64_t of_tenant = RoomFor(total, limits_.per_tenant);
  Admission out;
  out.admitted = std::min({wanted, of_host, of_tenant});
  if (out.admitted < wanted) {
    const bool agent = of_host <= of_tenant;
    out.limit = agent ? "series_per_agent" : "series_per_tenant";
    out.used = agent ? active : total;
    out.most = agent ? limits_.per_agent : limits_.per_tenant;
  }
  if (out.admitted > 0) {
    RETURN_IF_ERROR(QueryKept(connection, kAddToHost, {host, std::to_string(out.admitted)}));
    totals_[tenant_id].active += out.admitted;
  }
  return out;
}

Result<uint64_t> CountNewLayouts(Connection& connection, int32_t host) {
  ASSIGN_OR_RETURN(const Rows rows, QueryKept(connection,
                                              "/* pgvigil */ SELECT count(*) FROM pgvigil.layout"
                                              " WHERE host_id = $1::int4"
                                              " AND first_seen > now() - interval '1 hour'",
                                              {std::to_string(host)}));
  return rows.Unsigned(0, 0).value_or(0);
}

}  // namespace collector::storage
