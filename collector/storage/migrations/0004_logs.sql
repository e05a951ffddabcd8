-- Logs: compressed blocks with every line, and the severe or classified ones also as plain rows.

CREATE TABLE pgvigil.log_file (
  id          int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id    int4 NOT NULL REFERENCES pgvigil.agent,
  uuid        uuid NOT NULL,
  host_id     int4 NOT NULL REFERENCES pgvigil.host,
  instance_id int4 REFERENCES pgvigil.instance,
  path        text NOT NULL,
  format      int2 NOT NULL,
  inode       int8 NOT NULL,
  device      int8 NOT NULL,
  position    int8,
  gap_bytes   int8 NOT NULL DEFAULT 0,
  lines       int8 NOT NULL DEFAULT 0,
  first_seen  timestamptz NOT NULL DEFAULT now(),
  last_seen   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (agent_id, uuid)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX log_file_host_idx ON pgvigil.log_file (host_id);
COMMENT ON TABLE pgvigil.log_file IS 'Log files that agents follow, and how far each is stored. position changes only in the transaction that stores the lines.';
COMMENT ON COLUMN pgvigil.log_file.id IS 'Surrogate.';
COMMENT ON COLUMN pgvigil.log_file.agent_id IS 'The agent that reads it.';
COMMENT ON COLUMN pgvigil.log_file.uuid IS 'The agent''s name of the file, constant through growth and renaming.';
COMMENT ON COLUMN pgvigil.log_file.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.log_file.instance_id IS 'The cluster that writes it; null for syslog.';
COMMENT ON COLUMN pgvigil.log_file.path IS 'Where it was last.';
COMMENT ON COLUMN pgvigil.log_file.format IS '1 jsonlog, 2 PostgreSQL stderr, 3 syslog.';
COMMENT ON COLUMN pgvigil.log_file.inode IS 'For people.';
COMMENT ON COLUMN pgvigil.log_file.device IS 'For people.';
COMMENT ON COLUMN pgvigil.log_file.position IS 'Every byte before it is stored or accounted for; null: nothing yet.';
COMMENT ON COLUMN pgvigil.log_file.gap_bytes IS 'Bytes that the agent never sent.';
COMMENT ON COLUMN pgvigil.log_file.lines IS 'Records stored.';
COMMENT ON COLUMN pgvigil.log_file.first_seen IS 'When its first lines came.';
COMMENT ON COLUMN pgvigil.log_file.last_seen IS 'When its newest lines came.';

-- Daily partitions by first_time, created ahead and on demand; no default partition. No block
-- crosses midnight UTC, so that a window of time needs its own days only. Retention by dropping
-- partitions, and merging of small blocks, come with a later migration.
CREATE TABLE pgvigil.log_block (
  host_id       int4 NOT NULL,
  file_id       int8 NOT NULL,
  begin_offset  int8 NOT NULL,
  first_time    timestamptz NOT NULL,
  last_time     timestamptz NOT NULL,
  lines         int4 NOT NULL,
  severity_mask int4 NOT NULL,
  raw_bytes     int4 NOT NULL,
  format        int2 NOT NULL,
  data          bytea NOT NULL,
  PRIMARY KEY (first_time, file_id, begin_offset)
) PARTITION BY RANGE (first_time);
ALTER TABLE pgvigil.log_block ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX log_block_host_idx ON pgvigil.log_block (host_id, last_time);
CREATE INDEX log_block_last_time_idx ON pgvigil.log_block (last_time);
COMMENT ON TABLE pgvigil.log_block IS 'Compressed runs of log records of one file and one day (UTC).';
COMMENT ON COLUMN pgvigil.log_block.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.log_block.file_id IS 'The file.';
COMMENT ON COLUMN pgvigil.log_block.begin_offset IS 'Offset in the file of the first record.';
COMMENT ON COLUMN pgvigil.log_block.first_time IS 'Oldest time of a record, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.log_block.last_time IS 'Newest time of a record, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.log_block.lines IS 'How many records.';
COMMENT ON COLUMN pgvigil.log_block.severity_mask IS 'Bit n is set when a record has OpenTelemetry severity number n (0 unknown, 9 INFO, 13 WARN, 17 ERROR, 21 FATAL).';
COMMENT ON COLUMN pgvigil.log_block.raw_bytes IS 'Size of the records before compression.';
COMMENT ON COLUMN pgvigil.log_block.format IS '1: a zstd frame of a pgvigil.v1.LogChunk that has records only.';
COMMENT ON COLUMN pgvigil.log_block.data IS 'The records.';

CREATE TABLE pgvigil.log_event (
  time             timestamptz NOT NULL,
  time_unix_nano   int8 NOT NULL,
  host_id          int4 NOT NULL,
  file_id          int8 NOT NULL,
  file_offset      int8 NOT NULL,
  severity_number  int2 NOT NULL,
  severity_text    text NOT NULL,
  sqlstate         text,
  pid              int8,
  database         text,
  username         text,
  application_name text,
  client           text,
  query_id         int8,
  session_id       text,
  line_num         int8,
  backend_type     text,
  host_name        text,
  program          text,
  body             text NOT NULL,
  detail           text,
  hint             text,
  context          text,
  statement        text,
  truncated        bool NOT NULL,
  sanitised        bool NOT NULL,
  attributes       jsonb,
  PRIMARY KEY (time, file_id, file_offset)
) PARTITION BY RANGE (time);
CREATE INDEX log_event_host_idx ON pgvigil.log_event (host_id, time);
COMMENT ON TABLE pgvigil.log_event IS 'Log records of severity WARN and above, or with a SQLSTATE of a class other than 00. Each is in log_block too.';
COMMENT ON COLUMN pgvigil.log_event.time IS 'When it happened.';
COMMENT ON COLUMN pgvigil.log_event.time_unix_nano IS 'The same in nanoseconds since 1970.';
COMMENT ON COLUMN pgvigil.log_event.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.log_event.file_id IS 'The file.';
COMMENT ON COLUMN pgvigil.log_event.file_offset IS 'Offset in the file of its first byte.';
COMMENT ON COLUMN pgvigil.log_event.severity_number IS 'OpenTelemetry: 13 WARN, 17 ERROR, 21 FATAL.';
COMMENT ON COLUMN pgvigil.log_event.severity_text IS 'As written: "ERROR", "err".';
COMMENT ON COLUMN pgvigil.log_event.sqlstate IS 'Five characters.';
COMMENT ON COLUMN pgvigil.log_event.pid IS 'Process that wrote it.';
COMMENT ON COLUMN pgvigil.log_event.database IS 'Database of the session.';
COMMENT ON COLUMN pgvigil.log_event.username IS 'Role of the session.';
COMMENT ON COLUMN pgvigil.log_event.application_name IS 'application_name of the session.';
COMMENT ON COLUMN pgvigil.log_event.client IS 'Host and port of the client.';
COMMENT ON COLUMN pgvigil.log_event.query_id IS 'pg_stat_statements.queryid of the statement.';
COMMENT ON COLUMN pgvigil.log_event.session_id IS 'Session identifier (%c).';
COMMENT ON COLUMN pgvigil.log_event.line_num IS 'Line of the session (%l).';
COMMENT ON COLUMN pgvigil.log_event.backend_type IS '"client backend", "checkpointer" …';
COMMENT ON COLUMN pgvigil.log_event.host_name IS 'Syslog: the host that the line names.';
COMMENT ON COLUMN pgvigil.log_event.program IS 'Syslog: "sshd", "kernel".';
COMMENT ON COLUMN pgvigil.log_event.body IS 'The message.';
COMMENT ON COLUMN pgvigil.log_event.detail IS 'DETAIL.';
COMMENT ON COLUMN pgvigil.log_event.hint IS 'HINT.';
COMMENT ON COLUMN pgvigil.log_event.context IS 'CONTEXT.';
COMMENT ON COLUMN pgvigil.log_event.statement IS 'STATEMENT, normalised unless the agent''s configuration allows literals.';
COMMENT ON COLUMN pgvigil.log_event.truncated IS 'The record was longer than the agent''s limit; body is its beginning.';
COMMENT ON COLUMN pgvigil.log_event.sanitised IS 'Invalid UTF-8 or NUL bytes were replaced by U+FFFD.';
COMMENT ON COLUMN pgvigil.log_event.attributes IS 'Whatever else the line carried.';
