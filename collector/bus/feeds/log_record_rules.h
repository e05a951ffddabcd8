#pragma once

#include <cstddef>

#include "pgvigil/v1/logs.pb.h"

namespace collector::bus {

// Whether PostgreSQL wrote the file: those go to raw-logs, all others to raw-host-logs.
bool IsPostgresLog(const pgvigil::v1::LogChunk& chunk);

// The record with every text and attribute value cut to `text_bytes`, between characters, and
// marked as truncated: for the rare one that does not fit into a Kafka record.
inline constexpr size_t kCutShare = 64;  // a cut text is so much smaller than the record: an escape
                                         // takes six bytes, and a record has several texts
pgvigil::v1::LogRecord CutTexts(const pgvigil::v1::LogRecord& record, size_t text_bytes);

}  // namespace collector::bus
