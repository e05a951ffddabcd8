#pragma once

#include "collector/storage/logs/log_scope.h"
#include "collector/storage/read_pool.h"

namespace collector::storage {

// A page out of pgvigil.log_event.
shared::Result<api::LogPage> SearchLogEvents(ReadSession& session, const LogScope& scope,
                                             const api::LogQuery& query);

}  // namespace collector::storage
