#pragma once

#include <cstdint>

#include "pgvigil/v1/statements.pb.h"

namespace collector::storage {

// A counter of pgvigil.statement_delta: the column's name, and the field that fills it, of which
// one is set. The columns stand in this order in COPY.
struct StatementColumn {
  const char* name;
  uint64_t (pgvigil::v1::StatementDelta::*count)() const;
  double (pgvigil::v1::StatementDelta::*time)() const;
};

inline constexpr StatementColumn kStatementColumns[] = {
    {"calls", &pgvigil::v1::StatementDelta::calls, nullptr},
    {"rows", &pgvigil::v1::StatementDelta::rows, nullptr},
    {"total_exec_time_ms", nullptr, &pgvigil::v1::StatementDelta::total_exec_time_ms},
    {"min_exec_time_ms", nullptr, &pgvigil::v1::StatementDelta::min_exec_time_ms},
    {"max_exec_time_ms", nullptr, &pgvigil::v1::StatementDelta::max_exec_time_ms},
    {"mean_exec_time_ms", nullptr, &pgvigil::v1::StatementDelta::mean_exec_time_ms},
    {"stddev_exec_time_ms", nullptr, &pgvigil::v1::StatementDelta::stddev_exec_time_ms},
    {"plans", &pgvigil::v1::StatementDelta::plans, nullptr},
    {"total_plan_time_ms", nullptr, &pgvigil::v1::StatementDelta::total_plan_time_ms},
    {"shared_blks_hit", &pgvigil::v1::StatementDelta::shared_blks_hit, nullptr},
    {"shared_blks_read", &pgvigil::v1::StatementDelta::shared_blks_read, nullptr},
    {"shared_blks_dirtied", &pgvigil::v1::StatementDelta::shared_blks_dirtied, nullptr},
    {"shared_blks_written", &pgvigil::v1::StatementDelta::shared_blks_written, nullptr},
    {"local_blks_hit", &pgvigil::v1::StatementDelta::local_blks_hit, nullptr},
    {"local_blks_read", &pgvigil::v1::StatementDelta::local_blks_read, nullptr},
    {"local_blks_dirtied", &pgvigil::v1::StatementDelta::local_blks_dirtied, nullptr},
    {"local_blks_written", &pgvigil::v1::StatementDelta::local_blks_written, nullptr},
    {"temp_blks_read", &pgvigil::v1::StatementDelta::temp_blks_read, nullptr},
    {"temp_blks_written", &pgvigil::v1::StatementDelta::temp_blks_written, nullptr},
    {"shared_blk_read_time_ms", nullptr, &pgvigil::v1::StatementDelta::shared_blk_read_time_ms},
    {"shared_blk_write_time_ms", nullptr, &pgvigil::v1::StatementDelta::shared_blk_write_time_ms},
    {"local_blk_read_time_ms", nullptr, &pgvigil::v1::StatementDelta::local_blk_read_time_ms},
    {"local_blk_write_time_ms", nullptr, &pgvigil::v1::StatementDelta::local_blk_write_time_ms},
    {"temp_blk_read_time_ms", nullptr, &pgvigil::v1::StatementDelta::temp_blk_read_time_ms},
    {"temp_blk_write_time_ms", nullptr, &pgvigil::v1::StatementDelta::temp_blk_write_time_ms},
    {"wal_records", &pgvigil::v1::StatementDelta::wal_records, nullptr},
    {"wal_fpi", &pgvigil::v1::StatementDelta::wal_fpi, nullptr},
    {"wal_bytes", &pgvigil::v1::StatementDelta::wal_bytes, nullptr},
    {"wal_buffers_full", &pgvigil::v1::StatementDelta::wal_buffers_full, nullptr},
    {"jit_functions", &pgvigil::v1::StatementDelta::jit_functions, nullptr},
    {"jit_generation_time_ms", nullptr, &pgvigil::v1::StatementDelta::jit_generation_time_ms},
    {"jit_inlining_count", &pgvigil::v1::StatementDelta::jit_inlining_count, nullptr},
    {"jit_inlining_time_ms", nullptr, &pgvigil::v1::StatementDelta::jit_inlining_time_ms},
    {"jit_optimization_count", &pgvigil::v1::StatementDelta::jit_optimization_count, nullptr},
    {"jit_optimization_time_ms", nullptr, &pgvigil::v1::StatementDelta::jit_optimization_time_ms},
    {"jit_emission_count", &pgvigil::v1::StatementDelta::jit_emission_count, nullptr},
    {"jit_emission_time_ms", nullptr, &pgvigil::v1::StatementDelta::jit_emission_time_ms},
    {"jit_deform_count", &pgvigil::v1::StatementDelta::jit_deform_count, nullptr},
    {"jit_deform_time_ms", nullptr, &pgvigil::v1::StatementDelta::jit_deform_time_ms},
    {"parallel_workers_to_launch", &pgvigil::v1::StatementDelta::parallel_workers_to_launch,
     nullptr},
    {"parallel_workers_launched", &pgvigil::v1::StatementDelta::parallel_workers_launched, nullptr},
};

}  // namespace collector::storage
