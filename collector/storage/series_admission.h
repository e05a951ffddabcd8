#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/postgres/connection.h"

namespace collector::storage {

// [limits] of the configuration.
struct SeriesLimits {
  uint64_t per_agent = 20'000;
  uint64_t per_tenant = 1'000'000;
  uint64_t layouts_per_hour = 600;  // of a host
};

// How many new series of a host may be registered, and if not all, why.
struct Admission {
  uint64_t admitted = 0;
  std::string_view limit;  // "series_per_agent", "series_per_tenant"; "": all were admitted
  uint64_t used = 0;       // active series that the limit counts
  uint64_t most = 0;       // the limit
};

// Until the end of the transaction no other registers series of this tenant.
shared::Result<void> LockSeries(shared::postgres::Connection& connection, int32_t tenant);

// Decides on `wanted` new series. What counts is active: seen in the last two days (last_seen is
// raised about once a day). Series of the host are counted anew each time, at most some 20,000
// index entries; those of the tenant's other hosts are what pgvigil.host_series says, and are
// counted anew before the tenant is told that it is full, at most once an hour.
//
// Within a transaction of the caller, who called LockSeries first and inserts what is admitted
// before its end: so that several collectors cannot overrun a limit together.
shared::Result<Admission> AdmitSeries(shared::postgres::Connection& connection, int32_t tenant,
                                      int32_t host, uint64_t wanted, const SeriesLimits& limits);

// The layouts that a host began in the last hour.
shared::Result<uint64_t> CountNewLayouts(shared::postgres::Connection& connection, int32_t host);

}  // namespace collector::storage
