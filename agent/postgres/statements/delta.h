#pragma once

#include <cstdint>
#include <functional>

#include "agent/postgres/statements/reading.h"

// How much each statement grew between two readings of pg_stat_statements. The server keeps only
// running sums, and an entry's sum may end between two readings without a trace: entries are
// evicted when there are too many, reset one by one or all, and lost in a crash. Two rules:
//
// - A delta never exceeds what was counted after the older reading. When it cannot be known which
//   part of a value is newer, nothing of it is emitted.
// - Whenever something that was counted may be missing, the interval says so (`partial`).
//
// How each entry of the newer reading is judged; first match:
//   all entries reset (stats_reset moved to after the older reading): the whole value
//   the statistics are of another server, or older than the older reading: nothing
//   same stats_since (1.11, PostgreSQL 17):          the difference
//   other stats_since, after the older reading:      the whole value (evicted and created again)
//   no stats_since, and every monotone column grew, minimum fell, maximum rose, and the time added
//     is possible for that many calls:               the difference
//   no stats_since, and one of these does not hold:  the whole value (evicted and created again)
//   not in the older reading, which was complete:    the whole value
//
// What PostgreSQL 13 to 16 cannot show: an entry that was evicted and came back with larger
// values in all columns gives the difference, which is less than the truth; the evictions of the
// interval mark it partial. If it was reset alone (pg_stat_statements_reset with arguments) even
// that mark is missing.
namespace agent::postgres::statements {

enum class DeltaKind { kDifference, kNew, kReincarnated };  // as on the wire

struct EntryDelta {
  Key key;
  DeltaKind kind = DeltaKind::kDifference;
  shared::WallTime since;  // when what it covers began; 1970: with the interval
  Counters counters;       // differences, and the newer reading's gauges
};

// What is known of an interval as a whole.
struct DeltaSummary {
  bool partial = false;       // something counted in the interval may be missing from the deltas
  uint64_t evicted = 0;       // rounds of eviction in it
  uint32_t vanished = 0;      // entries that are gone, with what they counted before they went
  uint32_t reincarnated = 0;  // entries that were created again, likewise
  uint32_t unknown = 0;       // entries whose growth cannot be told: not among the deltas
};

// Calls `emit` for each entry that grew, in key order. Pure. The counters of columns that only the
// newer reading has (the extension was updated) are 0 in a difference.
DeltaSummary Diff(const Reading& older, const Reading& newer,
                  const std::function<void(const EntryDelta&)>& emit);

}  // namespace agent::postgres::statements
