-- Statements by the hour: what a question about weeks reads instead of every interval.

-- Daily partitions by hour, as statement_delta's. An interval belongs to the hour that it ends in.
CREATE TABLE pgvigil.statement_hour (
  instance_id                int4 NOT NULL,
  hour                       timestamptz NOT NULL,
  dbid                       oid NOT NULL,
  userid                     oid NOT NULL,
  queryid                    int8 NOT NULL,
  toplevel                   bool NOT NULL,
  intervals                  int4 NOT NULL,
  min_exec_time_ms           float8,
  max_exec_time_ms           float8,
  calls                      int8 NOT NULL,
  rows                       int8 NOT NULL,
  total_exec_time_ms         float8 NOT NULL,
  plans                      int8 NOT NULL,
  total_plan_time_ms         float8 NOT NULL,
  shared_blks_hit            int8 NOT NULL,
  shared_blks_read           int8 NOT NULL,
  shared_blks_dirtied        int8 NOT NULL,
  shared_blks_written        int8 NOT NULL,
  local_blks_hit             int8 NOT NULL,
  local_blks_read            int8 NOT NULL,
  local_blks_dirtied         int8 NOT NULL,
  local_blks_written         int8 NOT NULL,
  temp_blks_read             int8 NOT NULL,
  temp_blks_written          int8 NOT NULL,
  shared_blk_read_time_ms    float8 NOT NULL,
  shared_blk_write_time_ms   float8 NOT NULL,
  local_blk_read_time_ms     float8 NOT NULL,
  local_blk_write_time_ms    float8 NOT NULL,
  temp_blk_read_time_ms      float8 NOT NULL,
  temp_blk_write_time_ms     float8 NOT NULL,
  wal_records                int8 NOT NULL,
  wal_fpi                    int8 NOT NULL,
  wal_bytes                  int8 NOT NULL,
  wal_buffers_full           int8 NOT NULL,
  jit_functions              int8 NOT NULL,
  jit_generation_time_ms     float8 NOT NULL,
  jit_inlining_count         int8 NOT NULL,
  jit_inlining_time_ms       float8 NOT NULL,
  jit_optimization_count     int8 NOT NULL,
  jit_optimization_time_ms   float8 NOT NULL,
  jit_emission_count         int8 NOT NULL,
  jit_emission_time_ms       float8 NOT NULL,
  jit_deform_count           int8 NOT NULL,
  jit_deform_time_ms         float8 NOT NULL,
  parallel_workers_to_launch int8 NOT NULL,
  parallel_workers_launched  int8 NOT NULL,
  PRIMARY KEY (instance_id, hour, dbid, userid, queryid, toplevel)
) PARTITION BY RANGE (hour);
CREATE INDEX statement_hour_queryid_idx ON pgvigil.statement_hour (instance_id, queryid, hour);
COMMENT ON TABLE pgvigil.statement_hour IS 'Sums of statement_delta by the hour. Trust an hour only before statement_hour_progress.done_until and when statement_hour_stale does not name it.';
COMMENT ON COLUMN pgvigil.statement_hour.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.statement_hour.hour IS 'Beginning of the hour (UTC).';
COMMENT ON COLUMN pgvigil.statement_hour.dbid IS 'Database: see database_name.';
COMMENT ON COLUMN pgvigil.statement_hour.userid IS 'Role: see role_name.';
COMMENT ON COLUMN pgvigil.statement_hour.queryid IS 'Statement: see statement_text.';
COMMENT ON COLUMN pgvigil.statement_hour.toplevel IS 'Executed by a client, not inside a function.';
COMMENT ON COLUMN pgvigil.statement_hour.intervals IS 'Rows of statement_delta that were summed up.';
COMMENT ON COLUMN pgvigil.statement_hour.min_exec_time_ms IS 'Least minimum of the intervals in which it ran; null: it did not run.';
COMMENT ON COLUMN pgvigil.statement_hour.max_exec_time_ms IS 'Greatest maximum of the intervals in which it ran; null: it did not run.';
COMMENT ON COLUMN pgvigil.statement_hour.calls IS 'Times executed.';
COMMENT ON COLUMN pgvigil.statement_hour.rows IS 'Rows retrieved or affected.';
COMMENT ON COLUMN pgvigil.statement_hour.total_exec_time_ms IS 'Time spent executing.';
COMMENT ON COLUMN pgvigil.statement_hour.plans IS 'Times planned (pg_stat_statements.track_planning).';
COMMENT ON COLUMN pgvigil.statement_hour.total_plan_time_ms IS 'Time spent planning.';
COMMENT ON COLUMN pgvigil.statement_hour.shared_blks_hit IS 'Shared blocks found in the buffer cache.';
COMMENT ON COLUMN pgvigil.statement_hour.shared_blks_read IS 'Shared blocks read.';
COMMENT ON COLUMN pgvigil.statement_hour.shared_blks_dirtied IS 'Shared blocks dirtied.';
COMMENT ON COLUMN pgvigil.statement_hour.shared_blks_written IS 'Shared blocks written.';
COMMENT ON COLUMN pgvigil.statement_hour.local_blks_hit IS 'Local blocks found in the buffer cache.';
COMMENT ON COLUMN pgvigil.statement_hour.local_blks_read IS 'Local blocks read.';
COMMENT ON COLUMN pgvigil.statement_hour.local_blks_dirtied IS 'Local blocks dirtied.';
COMMENT ON COLUMN pgvigil.statement_hour.local_blks_written IS 'Local blocks written.';
COMMENT ON COLUMN pgvigil.statement_hour.temp_blks_read IS 'Temporary blocks read.';
COMMENT ON COLUMN pgvigil.statement_hour.temp_blks_written IS 'Temporary blocks written.';
COMMENT ON COLUMN pgvigil.statement_hour.shared_blk_read_time_ms IS 'Time reading shared blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_hour.shared_blk_write_time_ms IS 'Time writing shared blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_hour.local_blk_read_time_ms IS 'Time reading local blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_hour.local_blk_write_time_ms IS 'Time writing local blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_hour.temp_blk_read_time_ms IS 'Time reading temp blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_hour.temp_blk_write_time_ms IS 'Time writing temp blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_hour.wal_records IS 'WAL records made.';
COMMENT ON COLUMN pgvigil.statement_hour.wal_fpi IS 'WAL full page images made.';
COMMENT ON COLUMN pgvigil.statement_hour.wal_bytes IS 'WAL bytes made.';
COMMENT ON COLUMN pgvigil.statement_hour.wal_buffers_full IS 'Times the WAL buffers were full (extension 1.12).';
COMMENT ON COLUMN pgvigil.statement_hour.jit_functions IS 'Functions JIT-compiled (extension 1.10).';
COMMENT ON COLUMN pgvigil.statement_hour.jit_generation_time_ms IS 'Time generating JIT code.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_inlining_count IS 'Times functions were inlined.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_inlining_time_ms IS 'Time inlining.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_optimization_count IS 'Times optimised.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_optimization_time_ms IS 'Time optimising.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_emission_count IS 'Times code was emitted.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_emission_time_ms IS 'Time emitting.';
COMMENT ON COLUMN pgvigil.statement_hour.jit_deform_count IS 'Tuple deform functions compiled (extension 1.11).';
COMMENT ON COLUMN pgvigil.statement_hour.jit_deform_time_ms IS 'Time compiling tuple deform functions.';
COMMENT ON COLUMN pgvigil.statement_hour.parallel_workers_to_launch IS 'Parallel workers planned (extension 1.12).';
COMMENT ON COLUMN pgvigil.statement_hour.parallel_workers_launched IS 'Parallel workers launched (extension 1.12).';

CREATE TABLE pgvigil.statement_hour_stale (
  instance_id int4 NOT NULL,
  hour        timestamptz NOT NULL,
  PRIMARY KEY (instance_id, hour)
);
COMMENT ON TABLE pgvigil.statement_hour_stale IS 'Hours that got late data after they were summed up, until they are summed up again.';
COMMENT ON COLUMN pgvigil.statement_hour_stale.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.statement_hour_stale.hour IS 'Beginning of the hour.';

CREATE TABLE pgvigil.statement_hour_progress (
  only_row   bool PRIMARY KEY DEFAULT true,
  done_until timestamptz NOT NULL
);
COMMENT ON TABLE pgvigil.statement_hour_progress IS 'One row: how far hours are summed up.';
COMMENT ON COLUMN pgvigil.statement_hour_progress.only_row IS 'True: the table holds one row.';
COMMENT ON COLUMN pgvigil.statement_hour_progress.done_until IS 'Every hour that ends at or before it is summed up.';
INSERT INTO pgvigil.statement_hour_progress (done_until) VALUES ('2000-01-01 00:00:00+00');
