-- What pg_stat_statements counted: plain rows, for SQL is the best way to ask them. Texts and names
-- stand once, in dictionaries.

CREATE TABLE pgvigil.instance (
  id                int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host_id           int4 NOT NULL REFERENCES pgvigil.host,
  system_identifier int8 NOT NULL,
  port              int4 NOT NULL,
  name              text NOT NULL,
  server_version_num int4 NOT NULL,
  first_seen        timestamptz NOT NULL DEFAULT now(),
  last_seen         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (host_id, system_identifier, port)
);
COMMENT ON TABLE pgvigil.instance IS 'A PostgreSQL cluster (data directory) on a host.';
COMMENT ON COLUMN pgvigil.instance.id IS 'Surrogate.';
COMMENT ON COLUMN pgvigil.instance.host_id IS 'The host it runs on.';
COMMENT ON COLUMN pgvigil.instance.system_identifier IS 'pg_control_system(); a primary and its standbys share it.';
COMMENT ON COLUMN pgvigil.instance.port IS 'The port it listens on: tells two clusters of one host apart.';
COMMENT ON COLUMN pgvigil.instance.name IS 'The target''s name in the agent''s configuration, as last told.';
COMMENT ON COLUMN pgvigil.instance.server_version_num IS 'As SHOW server_version_num, 150018; as last told.';
COMMENT ON COLUMN pgvigil.instance.first_seen IS 'When it was first reported.';
COMMENT ON COLUMN pgvigil.instance.last_seen IS 'Raised every few minutes while data of it comes.';

CREATE TABLE pgvigil.database_name (
  instance_id int4 NOT NULL REFERENCES pgvigil.instance,
  oid         oid NOT NULL,
  name        text NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (instance_id, oid)
);
COMMENT ON TABLE pgvigil.database_name IS 'Names of databases by oid, as last told.';
COMMENT ON COLUMN pgvigil.database_name.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.database_name.oid IS 'pg_database.oid.';
COMMENT ON COLUMN pgvigil.database_name.name IS 'pg_database.datname; a dropped database keeps its last name.';
COMMENT ON COLUMN pgvigil.database_name.updated_at IS 'When the name was told or changed.';

CREATE TABLE pgvigil.role_name (
  instance_id int4 NOT NULL REFERENCES pgvigil.instance,
  oid         oid NOT NULL,
  name        text NOT NULL,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (instance_id, oid)
);
COMMENT ON TABLE pgvigil.role_name IS 'Names of roles by oid, as last told.';
COMMENT ON COLUMN pgvigil.role_name.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.role_name.oid IS 'pg_roles.oid.';
COMMENT ON COLUMN pgvigil.role_name.name IS 'pg_roles.rolname; a dropped role keeps its last name.';
COMMENT ON COLUMN pgvigil.role_name.updated_at IS 'When the name was told or changed.';

CREATE TABLE pgvigil.statement_text (
  instance_id int4 NOT NULL REFERENCES pgvigil.instance,
  dbid        oid NOT NULL,
  queryid     int8 NOT NULL,
  text        text NOT NULL,
  fingerprint bytea NOT NULL,
  parsed      bool NOT NULL,
  truncated   bool NOT NULL,
  first_seen  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (instance_id, dbid, queryid)
);
CREATE INDEX statement_text_fingerprint_idx ON pgvigil.statement_text (fingerprint);
COMMENT ON TABLE pgvigil.statement_text IS 'Texts of statements, normalised: constants are $n, never a literal.';
COMMENT ON COLUMN pgvigil.statement_text.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.statement_text.dbid IS 'pg_stat_statements.dbid.';
COMMENT ON COLUMN pgvigil.statement_text.queryid IS 'pg_stat_statements.queryid.';
COMMENT ON COLUMN pgvigil.statement_text.text IS 'The statement.';
COMMENT ON COLUMN pgvigil.statement_text.fingerprint IS '8 bytes: equal for equal statements of all clusters and versions.';
COMMENT ON COLUMN pgvigil.statement_text.parsed IS 'False: the grammar refused it, a tokenizer normalised it.';
COMMENT ON COLUMN pgvigil.statement_text.truncated IS 'Longer than the agent''s limit; this is its beginning.';
COMMENT ON COLUMN pgvigil.statement_text.first_seen IS 'When it was first told.';

-- Daily partitions by interval_end, created ahead and on demand; no default partition. Retention by
-- dropping partitions comes with a later migration.
CREATE TABLE pgvigil.statement_interval (
  instance_id      int4 NOT NULL,
  interval_end     timestamptz NOT NULL,
  interval_start   timestamptz NOT NULL,
  postmaster_start timestamptz,
  stats_reset      timestamptz,
  evicted          int8 NOT NULL,
  partial          bool NOT NULL,
  entries          int4 NOT NULL,
  entries_max      int4 NOT NULL,
  PRIMARY KEY (instance_id, interval_end)
) PARTITION BY RANGE (interval_end);
COMMENT ON TABLE pgvigil.statement_interval IS 'The polls of pg_stat_statements: what statement_delta covers, and how well.';
COMMENT ON COLUMN pgvigil.statement_interval.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.statement_interval.interval_end IS 'Server time of this poll.';
COMMENT ON COLUMN pgvigil.statement_interval.interval_start IS 'Server time of the previous poll.';
COMMENT ON COLUMN pgvigil.statement_interval.postmaster_start IS 'When the server started.';
COMMENT ON COLUMN pgvigil.statement_interval.stats_reset IS 'pg_stat_statements_info.stats_reset; null before extension 1.9.';
COMMENT ON COLUMN pgvigil.statement_interval.evicted IS 'Growth of pg_stat_statements_info.dealloc: above 0, statements were lost for want of room.';
COMMENT ON COLUMN pgvigil.statement_interval.partial IS 'A reset or restart fell into the poll itself.';
COMMENT ON COLUMN pgvigil.statement_interval.entries IS 'Rows of pg_stat_statements at this poll.';
COMMENT ON COLUMN pgvigil.statement_interval.entries_max IS 'pg_stat_statements.max.';

CREATE TABLE pgvigil.statement_delta (
  instance_id                int4 NOT NULL,
  interval_end               timestamptz NOT NULL,
  interval_start             timestamptz NOT NULL,
  dbid                       oid NOT NULL,
  userid                     oid NOT NULL,
  queryid                    int8 NOT NULL,
  toplevel                   bool NOT NULL,
  kind                       int2 NOT NULL,
  since                      timestamptz,
  calls                      int8 NOT NULL,
  rows                       int8 NOT NULL,
  total_exec_time_ms         float8 NOT NULL,
  min_exec_time_ms           float8 NOT NULL,
  max_exec_time_ms           float8 NOT NULL,
  mean_exec_time_ms          float8 NOT NULL,
  stddev_exec_time_ms        float8 NOT NULL,
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
  PRIMARY KEY (instance_id, interval_end, dbid, userid, queryid, toplevel)
) PARTITION BY RANGE (interval_end);
CREATE INDEX statement_delta_queryid_idx ON pgvigil.statement_delta (instance_id, queryid, interval_end);
COMMENT ON TABLE pgvigil.statement_delta IS 'Growth of each entry of pg_stat_statements between two polls; the sum over a window is what ran in it.';
COMMENT ON COLUMN pgvigil.statement_delta.instance_id IS 'The cluster.';
COMMENT ON COLUMN pgvigil.statement_delta.interval_end IS 'Server time of this poll.';
COMMENT ON COLUMN pgvigil.statement_delta.interval_start IS 'Server time of the previous poll.';
COMMENT ON COLUMN pgvigil.statement_delta.dbid IS 'Database: see database_name.';
COMMENT ON COLUMN pgvigil.statement_delta.userid IS 'Role: see role_name.';
COMMENT ON COLUMN pgvigil.statement_delta.queryid IS 'Statement: see statement_text.';
COMMENT ON COLUMN pgvigil.statement_delta.toplevel IS 'Executed by a client, not inside a function.';
COMMENT ON COLUMN pgvigil.statement_delta.kind IS '1 difference of two readings, 2 new entry, 3 entry evicted or reset and made again: a lower bound.';
COMMENT ON COLUMN pgvigil.statement_delta.since IS 'Start of what the delta covers when that is not interval_start.';
COMMENT ON COLUMN pgvigil.statement_delta.calls IS 'Times executed.';
COMMENT ON COLUMN pgvigil.statement_delta.rows IS 'Rows retrieved or affected.';
COMMENT ON COLUMN pgvigil.statement_delta.total_exec_time_ms IS 'Time spent executing.';
COMMENT ON COLUMN pgvigil.statement_delta.min_exec_time_ms IS 'The entry''s own minimum at the end of the interval; no difference.';
COMMENT ON COLUMN pgvigil.statement_delta.max_exec_time_ms IS 'The entry''s own maximum at the end of the interval; no difference.';
COMMENT ON COLUMN pgvigil.statement_delta.mean_exec_time_ms IS 'The entry''s own mean at the end of the interval; no difference.';
COMMENT ON COLUMN pgvigil.statement_delta.stddev_exec_time_ms IS 'The entry''s own standard deviation at the end of the interval; no difference.';
COMMENT ON COLUMN pgvigil.statement_delta.plans IS 'Times planned (pg_stat_statements.track_planning).';
COMMENT ON COLUMN pgvigil.statement_delta.total_plan_time_ms IS 'Time spent planning.';
COMMENT ON COLUMN pgvigil.statement_delta.shared_blks_hit IS 'Shared blocks found in the buffer cache.';
COMMENT ON COLUMN pgvigil.statement_delta.shared_blks_read IS 'Shared blocks read.';
COMMENT ON COLUMN pgvigil.statement_delta.shared_blks_dirtied IS 'Shared blocks dirtied.';
COMMENT ON COLUMN pgvigil.statement_delta.shared_blks_written IS 'Shared blocks written.';
COMMENT ON COLUMN pgvigil.statement_delta.local_blks_hit IS 'Local blocks found in the buffer cache.';
COMMENT ON COLUMN pgvigil.statement_delta.local_blks_read IS 'Local blocks read.';
COMMENT ON COLUMN pgvigil.statement_delta.local_blks_dirtied IS 'Local blocks dirtied.';
COMMENT ON COLUMN pgvigil.statement_delta.local_blks_written IS 'Local blocks written.';
COMMENT ON COLUMN pgvigil.statement_delta.temp_blks_read IS 'Temporary blocks read.';
COMMENT ON COLUMN pgvigil.statement_delta.temp_blks_written IS 'Temporary blocks written.';
COMMENT ON COLUMN pgvigil.statement_delta.shared_blk_read_time_ms IS 'Time reading shared blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_delta.shared_blk_write_time_ms IS 'Time writing shared blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_delta.local_blk_read_time_ms IS 'Time reading local blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_delta.local_blk_write_time_ms IS 'Time writing local blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_delta.temp_blk_read_time_ms IS 'Time reading temp blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_delta.temp_blk_write_time_ms IS 'Time writing temp blocks (track_io_timing).';
COMMENT ON COLUMN pgvigil.statement_delta.wal_records IS 'WAL records made.';
COMMENT ON COLUMN pgvigil.statement_delta.wal_fpi IS 'WAL full page images made.';
COMMENT ON COLUMN pgvigil.statement_delta.wal_bytes IS 'WAL bytes made.';
COMMENT ON COLUMN pgvigil.statement_delta.wal_buffers_full IS 'Times the WAL buffers were full (extension 1.12).';
COMMENT ON COLUMN pgvigil.statement_delta.jit_functions IS 'Functions JIT-compiled (extension 1.10).';
COMMENT ON COLUMN pgvigil.statement_delta.jit_generation_time_ms IS 'Time generating JIT code.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_inlining_count IS 'Times functions were inlined.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_inlining_time_ms IS 'Time inlining.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_optimization_count IS 'Times optimised.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_optimization_time_ms IS 'Time optimising.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_emission_count IS 'Times code was emitted.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_emission_time_ms IS 'Time emitting.';
COMMENT ON COLUMN pgvigil.statement_delta.jit_deform_count IS 'Tuple deform functions compiled (extension 1.11).';
COMMENT ON COLUMN pgvigil.statement_delta.jit_deform_time_ms IS 'Time compiling tuple deform functions.';
COMMENT ON COLUMN pgvigil.statement_delta.parallel_workers_to_launch IS 'Parallel workers planned (extension 1.12).';
COMMENT ON COLUMN pgvigil.statement_delta.parallel_workers_launched IS 'Parallel workers launched (extension 1.12).';
