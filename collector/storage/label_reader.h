#pragma once

#include <string>
#include <vector>

#include "collector/storage/read_pool.h"
#include "collector/storage/series_admission.h"

// What only the label index knows, as telemetry_reader.h says. kUnavailable: it is being loaded.
namespace collector::storage {

shared::Result<std::vector<std::string>> ReadLabelNames(ReadSession& session,
                                                        access::TenantId tenant,
                                                        const api::SeriesSelector& selector,
                                                        size_t limit);
shared::Result<std::vector<std::string>> ReadLabelValues(ReadSession& session,
                                                         access::TenantId tenant,
                                                         const std::string& name,
                                                         const api::SeriesSelector& selector,
                                                         size_t limit);
shared::Result<api::Cardinality> ReadCardinality(ReadSession& session, access::TenantId tenant,
                                                 const SeriesLimits& limits, size_t top);

}  // namespace collector::storage
