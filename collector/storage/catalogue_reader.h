#pragma once

#include <vector>

#include "collector/storage/read_pool.h"

// Hosts, agents and series, as telemetry_reader.h says.
namespace collector::storage {

// By name.
shared::Result<std::vector<api::HostRow>> ReadHosts(ReadSession& session, access::TenantId tenant,
                                                    size_t limit);
// By host name.
shared::Result<std::vector<api::AgentRow>> ReadAgents(ReadSession& session, access::TenantId tenant,
                                                      size_t limit);
// By name, host and id, bytewise. From the label index; from SQL, more slowly and the same, while
// the session has no index that is loaded. kInvalidInput: a pattern that is none.
shared::Result<std::vector<api::SeriesRow>> ReadSeries(ReadSession& session,
                                                       access::TenantId tenant,
                                                       const api::SeriesSelector& selector,
                                                       size_t limit);

}  // namespace collector::storage
