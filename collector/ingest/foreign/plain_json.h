#pragma once

#include <string_view>

#include "collector/ingest/foreign/point_table.h"
#include "shared/base/result.h"

namespace collector::ingest::foreign {

// Reads points that programs write without any library:
//
//   {"tenant_id": "t1", "host": "db1", "metric": "disk.used", "value": 12.5,
//    "ts_event": "2026-01-01T00:00:00Z", "unit": "MB", "tags": {"disk": "sda"}}
//
// one of these, an array of them, or one a line. Keys in any order, others are skipped. Each is a
// point of a gauge.
//   host       a string; absent or empty: "unknown (TOPIC)"
//   metric     1 to 255 bytes; any but letters, digits, '_', '.', ':', '/' and '-' becomes '_'
//   value      a number, or one as a string ("12.5", "NaN"); null: the series has no value now
//   ts_event   RFC 3339, or a number (also as a string) since 1970: of seconds below 1e11, of
//              milliseconds below 1e14, of microseconds below 1e17, else of nanoseconds; absent or
//              null: the record's timestamp
//   unit       any (plain_units.h); values are converted to the base unit
//   tags       an object; what is not a string is taken as it is written in JSON
//   tenant_id  is skipped: whose the data is follows from the topic, never from what it says
//
// Refuses single points with "malformed_point" and single lines with "malformed_json".
// kMalformed: no point could be read at all: "byte 17: expected ':' after a key".
shared::Result<void> ReadPlainJson(const ForeignRecord& record, const ForeignLimits& limits,
                                   PointTable& table, Refusals& refusals);

}  // namespace collector::ingest::foreign
