#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "collector/storage/logs/log_segment.h"
#include "shared/base/result.h"
#include "shared/postgres/connection.h"

// Writing of merged logs, within the caller's transaction.
namespace collector::storage {

using PatternIds = std::unordered_map<uint64_t, int32_t>;  // by SegmentPattern::hash

// Adds what is new to pgvigil.log_pattern, and widens first_seen and last_seen of what is not.
shared::Result<PatternIds> StorePatterns(shared::postgres::Connection& connection,
                                         int32_t tenant_id, std::string_view source,
                                         std::span<const LogSegment> segments);

// Into pgvigil.log_segment and pgvigil.log_pattern_count by COPY; `ids` has every pattern.
shared::Result<void> CopySegments(shared::postgres::Connection& connection, int32_t host_id,
                                  int64_t file_id, std::span<const LogSegment> segments,
                                  const PatternIds& ids);

}  // namespace collector::storage
