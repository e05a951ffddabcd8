-- What a DBA reads with psql: views with names instead of numbers. Tables may change from version to
-- version, views only grow at their end. Every view has all tenants' rows and says whose they are.
-- collector/storage/SQL.md has examples.

CREATE VIEW pgvigil.hosts AS
SELECT t.name AS tenant, h.name AS host, h.id AS host_id, h.host_key,
  h.resource ->> 'os.type' AS os_type, h.resource, s.active AS active_series, h.first_seen,
  greatest(h.last_seen, (SELECT max(a.last_received) FROM pgvigil.agent g
                         JOIN pgvigil.agent_stream a ON a.agent_id = g.id
                         WHERE g.host_id = h.id)) AS last_seen
FROM pgvigil.host h
JOIN pgvigil.tenant t ON t.id = h.tenant_id
LEFT JOIN pgvigil.host_series s ON s.host_id = h.id;
COMMENT ON VIEW pgvigil.hosts IS 'Machines that agents run on, and sources of foreign producers.';
COMMENT ON COLUMN pgvigil.hosts.os_type IS 'Resource attribute os.type.';
COMMENT ON COLUMN pgvigil.hosts.active_series IS 'Series seen in the last two days, as counted when one was last added.';
COMMENT ON COLUMN pgvigil.hosts.last_seen IS 'When its newest data came.';

CREATE VIEW pgvigil.agents AS
SELECT t.name AS tenant, h.name AS host, a.uuid AS agent, a.id AS agent_id, a.version, a.started,
  a.status -> 'capabilities' AS capabilities, a.status -> 'dropped' AS dropped, a.status_at,
  (SELECT sum(r.items)::int8 FROM pgvigil.refusal r WHERE r.agent_id = a.id) AS refused_items,
  a.first_seen,
  greatest(a.last_seen, (SELECT max(s.last_received) FROM pgvigil.agent_stream s
                         WHERE s.agent_id = a.id)) AS last_seen
FROM pgvigil.agent a
JOIN pgvigil.tenant t ON t.id = a.tenant_id
JOIN pgvigil.host h ON h.id = a.host_id;
COMMENT ON VIEW pgvigil.agents IS 'Installations of pgvigil-agent.';
COMMENT ON COLUMN pgvigil.agents.agent IS 'The UUID that it made at its first start.';
COMMENT ON COLUMN pgvigil.agents.capabilities IS 'What it can read, and why not: [{"name": …, "state": …}].';
COMMENT ON COLUMN pgvigil.agents.dropped IS 'What it had to drop, by reason.';
COMMENT ON COLUMN pgvigil.agents.refused_items IS 'What the collector left out of its batches: see refusals.';
COMMENT ON COLUMN pgvigil.agents.last_seen IS 'When its newest batch came.';

CREATE VIEW pgvigil.agent_streams AS
SELECT t.name AS tenant, h.name AS host, a.uuid AS agent,
  (ARRAY['metrics', 'logs', 'statements'])[s.stream] AS stream, s.last_received, s.last_event,
  s.last_received - s.last_event AS behind, s.batches, s.gaps, s.duplicates, s.incarnation,
  s.sequence
FROM pgvigil.agent_stream s
JOIN pgvigil.agent a ON a.id = s.agent_id
JOIN pgvigil.tenant t ON t.id = a.tenant_id
JOIN pgvigil.host h ON h.id = a.host_id;
COMMENT ON VIEW pgvigil.agent_streams IS 'How far each stream of each agent is stored.';
COMMENT ON COLUMN pgvigil.agent_streams.behind IS 'Age of the newest data when it was stored.';

CREATE VIEW pgvigil.refusals AS
SELECT t.name AS tenant, h.name AS host, a.uuid AS agent,
  (ARRAY['metrics', 'logs', 'statements'])[r.stream] AS stream, r.reason, r.items, r.example,
  r.first_seen, r.last_seen
FROM pgvigil.refusal r
JOIN pgvigil.agent a ON a.id = r.agent_id
JOIN pgvigil.tenant t ON t.id = a.tenant_id
JOIN pgvigil.host h ON h.id = a.host_id;
COMMENT ON VIEW pgvigil.refusals IS 'What was left out of accepted batches for good, by reason.';

CREATE VIEW pgvigil.time_series AS
SELECT t.name AS tenant, h.name AS host, m.name AS metric, s.labels, s.unit,
  (ARRAY['gauge', 'counter', 'up-down counter'])[s.kind] AS kind, s.id AS series_id, s.first_seen,
  s.last_seen
FROM pgvigil.series s
JOIN pgvigil.metric m ON m.id = s.metric_id
JOIN pgvigil.host h ON h.id = s.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id;
COMMENT ON VIEW pgvigil.time_series IS 'Time series: a metric of a host with certain labels. Their samples: the function samples.';
COMMENT ON COLUMN pgvigil.time_series.series_id IS 'As samples names it.';
COMMENT ON COLUMN pgvigil.time_series.kind IS 'gauge, counter (cumulative, monotonic) or up-down counter.';

CREATE VIEW pgvigil.metrics AS
SELECT t.name AS tenant, m.name AS metric, s.unit,
  (ARRAY['gauge', 'counter', 'up-down counter'])[s.kind] AS kind, count(*) AS series,
  count(DISTINCT s.host_id) AS hosts, min(s.first_seen) AS first_seen,
  max(s.last_seen) AS last_seen
FROM pgvigil.metric m
JOIN pgvigil.tenant t ON t.id = m.tenant_id
JOIN pgvigil.series s ON s.metric_id = m.id
GROUP BY t.name, m.name, s.unit, s.kind;
COMMENT ON VIEW pgvigil.metrics IS 'Metrics with their units and kinds; one that changed either has two rows.';
COMMENT ON COLUMN pgvigil.metrics.kind IS 'gauge, counter (cumulative, monotonic) or up-down counter.';
COMMENT ON COLUMN pgvigil.metrics.series IS 'How many time series it has.';
COMMENT ON COLUMN pgvigil.metrics.hosts IS 'How many hosts have it.';

CREATE VIEW pgvigil.cardinality AS
SELECT t.name AS tenant, m.name AS metric, count(*) AS series,
  count(*) FILTER (WHERE s.last_seen >= now() - interval '2 days') AS active,
  count(*) FILTER (WHERE s.first_seen >= now() - interval '1 hour') AS new_last_hour,
  count(*) FILTER (WHERE s.first_seen >= now() - interval '1 day') AS new_last_day
FROM pgvigil.metric m
JOIN pgvigil.tenant t ON t.id = m.tenant_id
JOIN pgvigil.series s ON s.metric_id = m.id
GROUP BY t.name, m.name;
COMMENT ON VIEW pgvigil.cardinality IS 'How many time series each metric has, and how fast they become more.';
COMMENT ON COLUMN pgvigil.cardinality.series IS 'All.';
COMMENT ON COLUMN pgvigil.cardinality.active IS 'Seen in the last two days: what limits are held against.';
COMMENT ON COLUMN pgvigil.cardinality.new_last_hour IS 'Registered in the last hour.';
COMMENT ON COLUMN pgvigil.cardinality.new_last_day IS 'Registered in the last day.';

CREATE VIEW pgvigil.label_cardinality AS
SELECT t.name AS tenant, l.key AS label, count(DISTINCT l.value) AS label_values, count(*) AS series,
  count(*) FILTER (WHERE s.first_seen >= now() - interval '1 hour') AS new_last_hour
FROM pgvigil.series s
JOIN pgvigil.host h ON h.id = s.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id
CROSS JOIN LATERAL jsonb_each_text(s.labels) AS l (key, value)
GROUP BY t.name, l.key;
COMMENT ON VIEW pgvigil.label_cardinality IS 'How many values each label has, and in how many time series it is. Reads the whole catalogue.';
COMMENT ON COLUMN pgvigil.label_cardinality.label_values IS 'Distinct values.';
COMMENT ON COLUMN pgvigil.label_cardinality.series IS 'Time series that have it.';
COMMENT ON COLUMN pgvigil.label_cardinality.new_last_hour IS 'Of these, registered in the last hour.';

CREATE VIEW pgvigil.refused_series AS
SELECT t.name AS tenant, h.name AS host, r.metric, r.reason, r.series, r.example, r.first_seen,
  r.last_seen
FROM pgvigil.series_refusal r
JOIN pgvigil.host h ON h.id = r.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id;
COMMENT ON VIEW pgvigil.refused_series IS 'New time series that were refused over a limit.';

CREATE VIEW pgvigil.clusters AS
SELECT t.name AS tenant, h.name AS host, i.name AS cluster, i.port,
  i.server_version_num / 10000 || '.' || i.server_version_num % 10000 AS version,
  i.system_identifier, i.id AS cluster_id, i.first_seen, i.last_seen
FROM pgvigil.instance i
JOIN pgvigil.host h ON h.id = i.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id;
COMMENT ON VIEW pgvigil.clusters IS 'PostgreSQL clusters (data directories) on hosts.';
COMMENT ON COLUMN pgvigil.clusters.version IS '"15.18", as last told.';

CREATE VIEW pgvigil.statements AS
SELECT d.interval_start, d.interval_end, t.name AS tenant, h.name AS host, i.name AS cluster,
  b.name AS database, r.name AS role, d.queryid, x.text AS query, d.toplevel,
  d.calls, d.rows, d.total_exec_time_ms, d.min_exec_time_ms, d.max_exec_time_ms,
  d.mean_exec_time_ms, d.stddev_exec_time_ms, d.plans, d.total_plan_time_ms, d.shared_blks_hit,
  d.shared_blks_read, d.shared_blks_dirtied, d.shared_blks_written, d.local_blks_hit,
  d.local_blks_read, d.local_blks_dirtied, d.local_blks_written, d.temp_blks_read,
  d.temp_blks_written, d.shared_blk_read_time_ms, d.shared_blk_write_time_ms,
  d.local_blk_read_time_ms, d.local_blk_write_time_ms, d.temp_blk_read_time_ms,
  d.temp_blk_write_time_ms, d.wal_records, d.wal_fpi, d.wal_bytes, d.wal_buffers_full,
  d.jit_functions, d.jit_generation_time_ms, d.jit_inlining_count, d.jit_inlining_time_ms,
  d.jit_optimization_count, d.jit_optimization_time_ms, d.jit_emission_count,
  d.jit_emission_time_ms, d.jit_deform_count, d.jit_deform_time_ms, d.parallel_workers_to_launch,
  d.parallel_workers_launched
FROM pgvigil.statement_delta d
JOIN pgvigil.instance i ON i.id = d.instance_id
JOIN pgvigil.host h ON h.id = i.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id
LEFT JOIN pgvigil.database_name b ON b.instance_id = d.instance_id AND b.oid = d.dbid
LEFT JOIN pgvigil.role_name r ON r.instance_id = d.instance_id AND r.oid = d.userid
LEFT JOIN pgvigil.statement_text x
  ON x.instance_id = d.instance_id AND x.dbid = d.dbid AND x.queryid = d.queryid;
COMMENT ON VIEW pgvigil.statements IS 'What each statement did between two polls of pg_stat_statements. Ask for a window of interval_end, so that other days are not read.';
COMMENT ON COLUMN pgvigil.statements.query IS 'Normalised: constants are $n. Null: not told yet.';

CREATE VIEW pgvigil.statements_hourly AS
SELECT s.hour, t.name AS tenant, h.name AS host, i.name AS cluster, b.name AS database,
  r.name AS role, s.queryid, x.text AS query, s.toplevel,
  s.intervals, s.min_exec_time_ms, s.max_exec_time_ms, s.calls, s.rows, s.total_exec_time_ms,
  s.plans, s.total_plan_time_ms, s.shared_blks_hit, s.shared_blks_read, s.shared_blks_dirtied,
  s.shared_blks_written, s.local_blks_hit, s.local_blks_read, s.local_blks_dirtied,
  s.local_blks_written, s.temp_blks_read, s.temp_blks_written, s.shared_blk_read_time_ms,
  s.shared_blk_write_time_ms, s.local_blk_read_time_ms, s.local_blk_write_time_ms,
  s.temp_blk_read_time_ms, s.temp_blk_write_time_ms, s.wal_records, s.wal_fpi, s.wal_bytes,
  s.wal_buffers_full, s.jit_functions, s.jit_generation_time_ms, s.jit_inlining_count,
  s.jit_inlining_time_ms, s.jit_optimization_count, s.jit_optimization_time_ms,
  s.jit_emission_count, s.jit_emission_time_ms, s.jit_deform_count, s.jit_deform_time_ms,
  s.parallel_workers_to_launch, s.parallel_workers_launched,
  s.hour + interval '1 hour' <= (SELECT p.done_until FROM pgvigil.statement_hour_progress p)
  AND NOT EXISTS (SELECT FROM pgvigil.statement_hour_stale e
                  WHERE e.instance_id = s.instance_id AND e.hour = s.hour) AS is_final
FROM pgvigil.statement_hour s
JOIN pgvigil.instance i ON i.id = s.instance_id
JOIN pgvigil.host h ON h.id = i.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id
LEFT JOIN pgvigil.database_name b ON b.instance_id = s.instance_id AND b.oid = s.dbid
LEFT JOIN pgvigil.role_name r ON r.instance_id = s.instance_id AND r.oid = s.userid
LEFT JOIN pgvigil.statement_text x
  ON x.instance_id = s.instance_id AND x.dbid = s.dbid AND x.queryid = s.queryid;
COMMENT ON VIEW pgvigil.statements_hourly IS 'Sums of statements by the hour. Ask for a window of hour, so that other days are not read.';
COMMENT ON COLUMN pgvigil.statements_hourly.query IS 'Normalised: constants are $n. Null: not told yet.';
COMMENT ON COLUMN pgvigil.statements_hourly.is_final IS 'False: late data came since, and the hour will be summed up again.';

CREATE VIEW pgvigil.statement_polls AS
SELECT p.interval_start, p.interval_end, t.name AS tenant, h.name AS host, i.name AS cluster,
  p.postmaster_start, p.stats_reset, p.evicted, p.partial, p.entries, p.entries_max
FROM pgvigil.statement_interval p
JOIN pgvigil.instance i ON i.id = p.instance_id
JOIN pgvigil.host h ON h.id = i.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id;
COMMENT ON VIEW pgvigil.statement_polls IS 'Polls of pg_stat_statements: what the statements view covers, and how well.';

CREATE FUNCTION pgvigil.top_statements(
  from_time timestamptz DEFAULT now() - interval '1 hour', to_time timestamptz DEFAULT now(),
  host_name text DEFAULT NULL, max_rows int4 DEFAULT 20)
RETURNS TABLE (host text, cluster text, database text, role text, queryid int8, calls int8,
               rows int8, total_exec_time_ms float8, mean_exec_time_ms float8, share float8,
               shared_blks_read int8, wal_bytes int8, query text)
LANGUAGE sql STABLE AS $$
  SELECT s.host, s.cluster, s.database, s.role, s.queryid, sum(s.calls)::int8, sum(s.rows)::int8,
         sum(s.total_exec_time_ms), sum(s.total_exec_time_ms) / nullif(sum(s.calls), 0)::float8,
         sum(s.total_exec_time_ms) / nullif(sum(sum(s.total_exec_time_ms)) OVER (), 0),
         sum(s.shared_blks_read)::int8, sum(s.wal_bytes)::int8, min(s.query)
  FROM pgvigil.statements s
  WHERE s.interval_end > $1 AND s.interval_end <= $2 AND s.toplevel
    AND ($3 IS NULL OR s.host = $3)
  GROUP BY s.tenant, s.host, s.cluster, s.database, s.role, s.queryid
  ORDER BY 8 DESC, s.queryid
  LIMIT $4
$$;
COMMENT ON FUNCTION pgvigil.top_statements IS 'Statements that took most execution time in a window, summed up; share is of all statements there. Those inside functions are in their callers.';

CREATE VIEW pgvigil.log_events AS
SELECT e.time, t.name AS tenant, h.name AS host, i.name AS cluster, e.severity_text,
  e.severity_number, e.sqlstate, e.database, e.username, e.application_name, e.client, e.pid,
  e.backend_type, e.query_id, e.session_id, e.line_num, e.host_name, e.program, e.body, e.detail,
  e.hint, e.context, e.statement, f.path, e.file_offset, e.truncated, e.sanitised, e.attributes
FROM pgvigil.log_event e
JOIN pgvigil.host h ON h.id = e.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id
LEFT JOIN pgvigil.log_file f ON f.id = e.file_id
LEFT JOIN pgvigil.instance i ON i.id = f.instance_id;
COMMENT ON VIEW pgvigil.log_events IS 'Log records of severity WARN and above, or with a SQLSTATE of a class other than 00. Ask for a window of time, so that other days are not read.';
COMMENT ON COLUMN pgvigil.log_events.path IS 'The file that it was read from.';

CREATE VIEW pgvigil.log_files AS
SELECT t.name AS tenant, h.name AS host, i.name AS cluster, f.path,
  (ARRAY['postgres json', 'postgres stderr', 'syslog', 'opentelemetry'])[f.format] AS format,
  f.lines, f.position, f.gap_bytes, f.first_seen, f.last_seen, f.id AS file_id
FROM pgvigil.log_file f
JOIN pgvigil.host h ON h.id = f.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id
LEFT JOIN pgvigil.instance i ON i.id = f.instance_id;
COMMENT ON VIEW pgvigil.log_files IS 'Log files that agents follow, and how far each is stored.';
COMMENT ON COLUMN pgvigil.log_files.format IS 'What writes it.';

CREATE VIEW pgvigil.log_patterns AS
SELECT t.name AS tenant, p.source, p.template, p.severity_number, p.first_seen, p.last_seen,
  p.example, p.id AS pattern_id
FROM pgvigil.log_pattern p
JOIN pgvigil.tenant t ON t.id = p.tenant_id;
COMMENT ON VIEW pgvigil.log_patterns IS 'What log messages have in common: "connection received: host=<*> port=<*>". <*> stands for one word, <**> for any text at the end.';

CREATE VIEW pgvigil.log_pattern_lines AS
SELECT m.minute, t.name AS tenant, h.name AS host, f.path, p.template, p.severity_number, m.lines,
  m.pattern_id, m.first_time, m.last_time
FROM pgvigil.log_pattern_minute m
JOIN pgvigil.host h ON h.id = m.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id
JOIN pgvigil.log_pattern p ON p.id = m.pattern_id
LEFT JOIN pgvigil.log_file f ON f.id = m.file_id;
COMMENT ON VIEW pgvigil.log_pattern_lines IS 'Log messages by minute, file and pattern, some minutes after they were stored; several rows may count parts of one minute. Ask for a window of first_time and last_time, too, so that other days are not read.';
COMMENT ON COLUMN pgvigil.log_pattern_lines.lines IS 'How many.';

CREATE VIEW pgvigil.kafka_partitions AS
SELECT k.topic, k.partition, k.next_offset, k.owner, k.owner_epoch, k.claimed_at, k.updated_at,
  k.recreations, k.expired
FROM pgvigil.kafka_position k;
COMMENT ON VIEW pgvigil.kafka_partitions IS 'How far each partition of Kafka''s topics is stored.';

CREATE VIEW pgvigil.dead_letters AS
SELECT d.at, d.topic, d.partition, d."offset" AS record_offset, d.reason, d.message, t.name AS tenant, d.agent_uuid,
  d.size_bytes, d.dead_topic, d.dead_partition, d.dead_offset, d.replayed_at, d.id
FROM pgvigil.dead_letter d
LEFT JOIN pgvigil.tenant t ON t.id = d.tenant_id;
COMMENT ON VIEW pgvigil.dead_letters IS 'Records of Kafka that could not be stored.';
COMMENT ON COLUMN pgvigil.dead_letters.record_offset IS 'Its offset in its partition.';

CREATE VIEW pgvigil.compacted_windows AS
SELECT w.window_start, t.name AS tenant, h.name AS host, w.blocks, w.samples, w.duplicates,
  w.damaged, w.compacted_at
FROM pgvigil.compacted_window w
JOIN pgvigil.host h ON h.id = w.host_id
JOIN pgvigil.tenant t ON t.id = h.tenant_id;
COMMENT ON VIEW pgvigil.compacted_windows IS 'Windows of ten minutes whose blocks are in chunks, while the blocks are kept.';

CREATE VIEW pgvigil.partitions AS
SELECT p.relname AS table_name, c.relname AS partition_name,
  pg_get_expr(c.relpartbound, c.oid) AS bounds, pg_total_relation_size(c.oid) AS bytes, s.frozen_at
FROM pg_class p
JOIN pg_inherits i ON i.inhparent = p.oid
JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r'
LEFT JOIN pgvigil.partition_state s ON s.name = c.relname
WHERE p.relnamespace = 'pgvigil'::regnamespace AND p.relkind = 'p';
COMMENT ON VIEW pgvigil.partitions IS 'Where the room goes.';
COMMENT ON COLUMN pgvigil.partitions.table_name IS 'The partitioned table.';
COMMENT ON COLUMN pgvigil.partitions.partition_name IS 'The partition.';
COMMENT ON COLUMN pgvigil.partitions.bounds IS 'Of its times.';
COMMENT ON COLUMN pgvigil.partitions.bytes IS 'Size with indexes and TOAST.';

-- A column that a view took over from a table means what it means there.
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT v.relname AS view_name, a.attname AS column_name,
      coalesce(
        (SELECT col_description(t.oid, b.attnum)
         FROM pg_depend d
         JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class = v.oid
         JOIN pg_class t ON t.oid = d.refobjid AND t.relkind IN ('r', 'p', 'v') AND t.oid <> v.oid
         JOIN pg_attribute b ON b.attrelid = t.oid AND b.attnum = d.refobjsubid
         WHERE d.classid = 'pg_rewrite'::regclass AND b.attname = a.attname
         ORDER BY t.relname IN ('host', 'instance', 'tenant') LIMIT 1),
        CASE a.attname
          WHEN 'tenant' THEN 'Whose.'
          WHEN 'host' THEN 'Name of the host.'
          WHEN 'host_id' THEN 'Surrogate: names need not be unique.'
          WHEN 'metric' THEN 'OpenTelemetry name, "system.cpu.time".'
          WHEN 'agent' THEN 'UUID of the agent.'
          WHEN 'agent_id' THEN 'Surrogate.'
          WHEN 'stream' THEN 'metrics, logs or statements.'
          WHEN 'cluster' THEN 'Name of the PostgreSQL cluster in the agent''s configuration; null: none.'
          WHEN 'cluster_id' THEN 'Surrogate.'
          WHEN 'file_id' THEN 'Surrogate.'
          WHEN 'pattern_id' THEN 'Surrogate.'
          WHEN 'label' THEN 'Name of the label.'
          WHEN 'database' THEN 'Name of the database; null: not told yet.'
          WHEN 'role' THEN 'Name of the role; null: not told yet.'
        END) AS text
    FROM pg_class v
    JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
    WHERE v.relnamespace = 'pgvigil'::regnamespace AND v.relkind = 'v'
      AND col_description(v.oid, a.attnum) IS NULL
  LOOP
    EXECUTE format('COMMENT ON COLUMN pgvigil.%I.%I IS %L', c.view_name, c.column_name, c.text);
  END LOOP;
END
$$;

-- Called by the collector whenever it starts, so that views of later migrations, and a database that
-- was restored in a cluster without the role, are readable, too.
CREATE FUNCTION pgvigil.grant_reader() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  thing text;
BEGIN
  IF to_regrole('pgvigil_reader') IS NULL THEN
    BEGIN
      CREATE ROLE pgvigil_reader NOLOGIN;
    EXCEPTION
      WHEN insufficient_privilege THEN
        RETURN format('role pgvigil_reader is missing and %I may not create it; as superuser: '
                      'CREATE ROLE pgvigil_reader NOLOGIN; then, in this database: '
                      'SELECT pgvigil.grant_reader();', current_user);
      WHEN duplicate_object OR unique_violation THEN
        NULL;  -- the collector of another database was quicker
    END;
  END IF;
  IF NOT has_schema_privilege('pgvigil_reader', 'pgvigil', 'USAGE') THEN
    GRANT USAGE ON SCHEMA pgvigil TO pgvigil_reader;
  END IF;
  FOR thing IN
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = 'pgvigil'::regnamespace AND c.relkind = 'v'
      AND NOT has_table_privilege('pgvigil_reader', c.oid, 'SELECT')
  LOOP
    EXECUTE format('GRANT SELECT ON %s TO pgvigil_reader', thing);
  END LOOP;
  FOR thing IN
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = 'pgvigil'::regnamespace AND p.prosecdef
      AND NOT has_function_privilege('pgvigil_reader', p.oid, 'EXECUTE')
  LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pgvigil_reader', thing);
  END LOOP;
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION pgvigil.grant_reader FROM PUBLIC;
COMMENT ON FUNCTION pgvigil.grant_reader IS 'Makes the role pgvigil_reader if it is missing and lets it read all views and call samples. Null: done; else what has to be done by hand.';
