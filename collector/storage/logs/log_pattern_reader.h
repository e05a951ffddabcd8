#pragma once

#include "collector/storage/read_pool.h"

namespace collector::storage {

// What messages of a window have in common, from pgvigil.log_pattern and log_pattern_count.
shared::Result<api::LogPatternPage> ReadLogPatterns(ReadSession& session, access::TenantId tenant,
                                                    const api::LogPatternQuery& query);

}  // namespace collector::storage
