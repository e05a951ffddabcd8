#include "collector/api/telemetry_reader.h"

namespace collector::api {

const std::vector<std::string>& StatementCounters() {
  static const std::vector<std::string> names{
      "calls",
      "rows",
      "total_exec_time_ms",
      "plans",
      "total_plan_time_ms",
      "shared_blks_hit",
      "shared_blks_read",
      "shared_blks_dirtied",
      "shared_blks_written",
      "local_blks_hit",
      "local_blks_read",
      "local_blks_dirtied",
      "local_blks_written",
      "temp_blks_read",
      "temp_blks_written",
      "shared_blk_read_time_ms",
      "shared_blk_write_time_ms",
      "local_blk_read_time_ms",
      "local_blk_write_time_ms",
      "temp_blk_read_time_ms",
      "temp_blk_write_time_ms",
      "wal_records",
      "wal_fpi",
      "wal_bytes",
      "wal_buffers_full",
      "jit_functions",
      "jit_generation_time_ms",
      "jit_inlining_count",
      "jit_inlining_time_ms",
      "jit_optimization_count",
      "jit_optimization_time_ms",
      "jit_emission_count",
      "jit_emission_time_ms",
      "jit_deform_count",
      "jit_deform_time_ms",
      "parallel_workers_to_launch",
      "parallel_workers_launched",
  };
  return names;
}

}  // namespace collector::api
