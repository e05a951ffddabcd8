#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/postgres/statements/counters.h"
#include "shared/base/clock.h"
#include "shared/base/result.h"

namespace agent::postgres::statements {

// What names an entry of pg_stat_statements.
struct Key {
  uint32_t dbid = 0;
  uint32_t userid = 0;
  int64_t queryid = 0;
  bool toplevel = true;  // true before extension 1.9, which introduced it
  friend auto operator<=>(const Key&, const Key&) = default;
};

// The life of the server's statistics in which a reading was made.
struct Epoch {
  shared::WallTime server_time;       // the server's clock, just before its counters were read
  shared::WallTime postmaster_start;  // pg_postmaster_start_time()
  // pg_stat_statements_info, from extension 1.9 on. The server sets stats_reset when it starts
  // without kept statistics (a crash) and when all entries are reset; clean restarts keep both.
  shared::WallTime stats_reset;  // 1970: not known
  uint64_t dealloc = 0;          // rounds of eviction since stats_reset
  friend bool operator==(const Epoch&, const Epoch&) = default;
};

// All that one poll of pg_stat_statements saw: a sorted array of entries whose non-zero counters
// lie in one array of 8-byte values. An entry costs 32 bytes and 8 for each counter that is not 0:
// about 0.13 kB, against 0.35 for Counters.
//
//   Reading reading(10, epoch);
//   for (…) RETURN_IF_ERROR(reading.AddRow(row));
//   reading.Finish();
class Reading {
 public:
  // Of extension version 1.`extension`.
  Reading(int extension, const Epoch& epoch) : epoch_(epoch), extension_(extension) {}

  void Reserve(size_t entries);
  void Add(const Key& key, shared::WallTime stats_since, const Counters& counters);
  // Adds a row as CountersSql selects it. Rows without queryid, which the role may not see, are
  // counted in hidden(). kMalformed: "row (1,2,x): queryid is no number".
  shared::Result<void> AddRow(std::string_view row);
  // Sorts; after this nothing may be added. Entries with the same key become one: an extension
  // before 1.9 in a newer server shows a statement's top-level and nested entries with no
  // difference.
  void Finish();

  [[nodiscard]] const Epoch& epoch() const { return epoch_; }
  [[nodiscard]] int extension() const { return extension_; }
  [[nodiscard]] bool has_toplevel() const { return extension_ >= kExtensionWithToplevel; }
  [[nodiscard]] bool has_stats_since() const { return extension_ >= kExtensionWithStatsSince; }
  [[nodiscard]] uint32_t hidden() const { return hidden_; }
  void set_hidden(uint32_t rows) { hidden_ = rows; }

  // Entries, ordered by key.
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] Key key(size_t entry) const;
  [[nodiscard]] shared::WallTime stats_since(size_t entry) const;  // 1970: not known
  [[nodiscard]] Counters counters(size_t entry) const;
  [[nodiscard]] bool merged(size_t entry) const;  // made of several rows: see Finish
  [[nodiscard]] size_t memory_bytes() const;

 private:
  friend class BaselineCodec;  // writes the arrays as they are

  struct Entry {
    int64_t queryid;
    uint32_t dbid;
    uint32_t userid;
    uint64_t present;  // which columns are in values_; the highest bits are the flags below
    uint32_t first;    // index of the entry's first value
    uint32_t padding = 0;
  };
  static constexpr int kStatsSinceBit = 61;  // its value comes last, nanoseconds since 1970
  static constexpr int kMergedBit = 62;
  static constexpr int kToplevelBit = 63;

  Epoch epoch_;
  int extension_;
  uint32_t hidden_ = 0;
  std::vector<Entry> entries_;
  std::vector<uint64_t> values_;
};

}  // namespace agent::postgres::statements
