#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "shared/base/clock.h"
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

// Decides on new series. What counts is active: seen in the last two days (last_seen is raised
// about once a day). Series of the host are counted anew each time, at most some 20,000 index
// entries; those of all the tenant's hosts are what pgvigil.host_series says, and are counted anew
// before the tenant is told that it is full, at most once an hour.
//
// A fleet that comes all at once must not sum up its hosts for each of them: while a tenant has
// room for more series than all collectors can register in five seconds, a sum of the last five
// seconds will do. One thread.
class SeriesAdmission {
 public:
  SeriesAdmission(const shared::Clock& clock, SeriesLimits limits)
      : clock_(clock), limits_(limits) {}

  // Within a transaction of the caller, who called LockSeries first and inserts what is admitted
  // before its end: so that several collectors cannot overrun a limit together.
  shared::Result<Admission> Admit(shared::postgres::Connection& connection, int32_t tenant,
                                  int32_t host, uint64_t wanted);

 private:
  struct Total {
    uint64_t active = 0;
    shared::MonotonicTime counted;
  };

  shared::Result<uint64_t> TotalOf(shared::postgres::Connection& connection, int32_t tenant,
                                   uint64_t wanted);

  const shared::Clock& clock_;
  const SeriesLimits limits_;
  std::map<int32_t, Total> totals_;  // by tenant
};

// The layouts that a host began in the last hour.
shared::Result<uint64_t> CountNewLayouts(shared::postgres::Connection& connection, int32_t host);

}  // namespace collector::storage
