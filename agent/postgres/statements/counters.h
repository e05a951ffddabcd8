#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pgvigil/v1/statements.pb.h"

namespace agent::postgres::statements {

// What pg_stat_statements says of one entry, all columns that travel (PostgreSQL manual,
// "pg_stat_statements"); names as in the newest version of the extension, times in milliseconds. A
// column that an older version lacks is 0.
struct Counters {
  uint64_t calls = 0;
  uint64_t rows = 0;
  double total_exec_time = 0;
  double min_exec_time = 0;
  double max_exec_time = 0;
  double mean_exec_time = 0;
  double stddev_exec_time = 0;
  uint64_t plans = 0;
  double total_plan_time = 0;
  uint64_t shared_blks_hit = 0;
  uint64_t shared_blks_read = 0;
  uint64_t shared_blks_dirtied = 0;
  uint64_t shared_blks_written = 0;
  uint64_t local_blks_hit = 0;
  uint64_t local_blks_read = 0;
  uint64_t local_blks_dirtied = 0;
  uint64_t local_blks_written = 0;
  uint64_t temp_blks_read = 0;
  uint64_t temp_blks_written = 0;
  double shared_blk_read_time = 0;
  double shared_blk_write_time = 0;
  double local_blk_read_time = 0;
  double local_blk_write_time = 0;
  double temp_blk_read_time = 0;
  double temp_blk_write_time = 0;
  uint64_t wal_records = 0;
  uint64_t wal_fpi = 0;
  uint64_t wal_bytes = 0;
  uint64_t wal_buffers_full = 0;
  uint64_t jit_functions = 0;
  double jit_generation_time = 0;
  uint64_t jit_inlining_count = 0;
  double jit_inlining_time = 0;
  uint64_t jit_optimization_count = 0;
  double jit_optimization_time = 0;
  uint64_t jit_emission_count = 0;
  double jit_emission_time = 0;
  uint64_t jit_deform_count = 0;
  double jit_deform_time = 0;
  uint64_t parallel_workers_to_launch = 0;
  uint64_t parallel_workers_launched = 0;

  friend bool operator==(const Counters&, const Counters&) = default;
};

enum class ColumnKind {
  kCount,  // grows while the entry lives
  kTime,   // grows, a double
  kGauge,  // goes up and down, a double: never subtracted
};

// Where one member of Counters comes from and goes to.
struct Column {
  std::string_view name;  // its column from extension version 1.`since` on
  int since;
  std::string_view old_name;  // its column before that, from version 1.8 on; "": it did not exist
  ColumnKind kind;
  uint64_t Counters::*count;  // of a kCount; null for the others
  double Counters::*real;     // of a kTime and kGauge; null for the others
  void (pgvigil::v1::StatementDelta::*set_count)(uint64_t);  // the wire's field, likewise
  void (pgvigil::v1::StatementDelta::*set_real)(double);
};

// All members, in the order of Counters. The order is part of the baseline's format: append only.
std::span<const Column> Columns();

// A set of columns by their index in Columns(), bit 0 the first.
using ColumnSet = uint64_t;

// Oldest version of the extension that is read: 1.8, of PostgreSQL 13.
inline constexpr int kOldestExtension = 8;
inline constexpr int kExtensionWithToplevel = 9;  // also pg_stat_statements_info
inline constexpr int kExtensionWithStatsSince = 11;

// The columns that version 1.`extension` has.
ColumnSet ColumnsOf(int extension);
// The name of a column in that version; "" when it has it not.
std::string_view ColumnName(const Column& column, int extension);

// The statement that reads all counters of all entries, without texts, so that the server does not
// load its text file; without WHERE and LIMIT, for a missing row must mean that the entry is gone.
// `schema` is where the extension lives. Each row comes as one value, for 5,000 rows of 45 values
// would cost libpq 5 MiB:
//   (16384,10,-42,t,,7,7,1.5,…)   dbid, userid, queryid, toplevel, stats_since in microseconds
//                                 since 1970, then the version's columns in the order of Columns()
std::string CountersSql(int extension, std::string_view schema);

}  // namespace agent::postgres::statements
