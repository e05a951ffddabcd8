-- Logs: small blocks are merged into segments, and what their messages have in common is counted.

-- Daily partitions by first_time, like log_block, from whose rows they are made. A record is in
-- log_block or in log_segment, never in both.
CREATE TABLE pgvigil.log_segment (
  host_id       int4 NOT NULL,
  file_id       int8 NOT NULL,
  begin_offset  int8 NOT NULL,
  first_time    timestamptz NOT NULL,
  last_time     timestamptz NOT NULL,
  lines         int4 NOT NULL,
  severity_mask int4 NOT NULL,
  raw_bytes     int4 NOT NULL,
  format        int2 NOT NULL,
  patterns      int4[] NOT NULL,
  bloom         bytea NOT NULL,
  bodies        bytea NOT NULL,
  fields        bytea NOT NULL,
  PRIMARY KEY (first_time, file_id, begin_offset)
) PARTITION BY RANGE (first_time);
ALTER TABLE pgvigil.log_segment ALTER COLUMN bloom SET STORAGE EXTERNAL,
  ALTER COLUMN bodies SET STORAGE EXTERNAL, ALTER COLUMN fields SET STORAGE EXTERNAL;
CREATE INDEX log_segment_file_idx ON pgvigil.log_segment (file_id, begin_offset);
CREATE INDEX log_segment_host_idx ON pgvigil.log_segment (host_id, last_time);
CREATE INDEX log_segment_last_time_idx ON pgvigil.log_segment (last_time);
COMMENT ON TABLE pgvigil.log_segment IS 'Log records of one file and one day (UTC), about a megabyte each, merged from log_block.';
COMMENT ON COLUMN pgvigil.log_segment.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.log_segment.file_id IS 'The file.';
COMMENT ON COLUMN pgvigil.log_segment.begin_offset IS 'Offset in the file of the first record.';
COMMENT ON COLUMN pgvigil.log_segment.first_time IS 'Oldest time of a record, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.log_segment.last_time IS 'Newest time of a record, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.log_segment.lines IS 'How many records.';
COMMENT ON COLUMN pgvigil.log_segment.severity_mask IS 'Bit n is set when a record has OpenTelemetry severity number n (0 unknown, 9 INFO, 13 WARN, 17 ERROR, 21 FATAL).';
COMMENT ON COLUMN pgvigil.log_segment.raw_bytes IS 'Size of the records before compression.';
COMMENT ON COLUMN pgvigil.log_segment.format IS '1: bodies in columns by template, fields in columns, each a zstd frame.';
COMMENT ON COLUMN pgvigil.log_segment.patterns IS 'log_pattern.id of the templates of its messages.';
COMMENT ON COLUMN pgvigil.log_segment.bloom IS 'Split-block bloom filter of the variable words of the messages, and of database and sqlstate.';
COMMENT ON COLUMN pgvigil.log_segment.bodies IS 'The messages.';
COMMENT ON COLUMN pgvigil.log_segment.fields IS 'All other fields.';

CREATE TABLE pgvigil.log_pattern (
  id              int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id       int4 NOT NULL,
  hash            int8 NOT NULL,
  source          text NOT NULL,
  template        text NOT NULL,
  severity_number int2 NOT NULL,
  first_seen      timestamptz NOT NULL,
  last_seen       timestamptz NOT NULL,
  example         text NOT NULL,
  UNIQUE (tenant_id, hash)
) WITH (fillfactor = 70);
COMMENT ON TABLE pgvigil.log_pattern IS 'What log messages have in common: "connection received: host=<*> port=<*>". <*> stands for one word, <**> for any text at the end.';
COMMENT ON COLUMN pgvigil.log_pattern.id IS 'Surrogate.';
COMMENT ON COLUMN pgvigil.log_pattern.tenant_id IS 'The tenant.';
COMMENT ON COLUMN pgvigil.log_pattern.hash IS 'Of source and template; the same in every database.';
COMMENT ON COLUMN pgvigil.log_pattern.source IS '"postgres" or "syslog".';
COMMENT ON COLUMN pgvigil.log_pattern.template IS 'The template.';
COMMENT ON COLUMN pgvigil.log_pattern.severity_number IS 'Highest OpenTelemetry severity number of a message that has it.';
COMMENT ON COLUMN pgvigil.log_pattern.first_seen IS 'Time of the oldest message.';
COMMENT ON COLUMN pgvigil.log_pattern.last_seen IS 'Time of the newest message.';
COMMENT ON COLUMN pgvigil.log_pattern.example IS 'One of the messages.';

-- Daily partitions by first_time. One row a segment: a row a minute, file and pattern would take
-- more room than the messages.
CREATE TABLE pgvigil.log_pattern_count (
  host_id      int4 NOT NULL,
  file_id      int8 NOT NULL,
  begin_offset int8 NOT NULL,
  first_time   timestamptz NOT NULL,
  last_time    timestamptz NOT NULL,
  minutes      int4[] NOT NULL,
  patterns     int4[] NOT NULL,
  lines        int4[] NOT NULL,
  PRIMARY KEY (first_time, file_id, begin_offset)
) PARTITION BY RANGE (first_time);
COMMENT ON TABLE pgvigil.log_pattern_count IS 'Messages by minute and pattern, of one log_segment each; the view log_pattern_minute has them as rows.';
COMMENT ON COLUMN pgvigil.log_pattern_count.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.log_pattern_count.file_id IS 'The file.';
COMMENT ON COLUMN pgvigil.log_pattern_count.begin_offset IS 'As in log_segment.';
COMMENT ON COLUMN pgvigil.log_pattern_count.first_time IS 'As in log_segment.';
COMMENT ON COLUMN pgvigil.log_pattern_count.last_time IS 'As in log_segment.';
COMMENT ON COLUMN pgvigil.log_pattern_count.minutes IS 'Minutes since 1970, one for each count.';
COMMENT ON COLUMN pgvigil.log_pattern_count.patterns IS 'log_pattern.id, one for each count.';
COMMENT ON COLUMN pgvigil.log_pattern_count.lines IS 'The counts.';

CREATE VIEW pgvigil.log_pattern_minute AS
SELECT c.first_time, c.last_time, to_timestamp(n.minute::int8 * 60) AS minute, c.host_id, c.file_id,
  n.pattern_id, n.lines
FROM pgvigil.log_pattern_count c
CROSS JOIN LATERAL unnest(c.minutes, c.patterns, c.lines) AS n (minute, pattern_id, lines);
COMMENT ON VIEW pgvigil.log_pattern_minute IS 'Messages by minute, file and pattern; several rows may count parts of one minute. Ask for a window of first_time and last_time, too, so that other days are not read.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.first_time IS 'Of the segment that was counted.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.last_time IS 'Of the segment that was counted.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.minute IS 'When the minute begins.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.file_id IS 'The file.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.pattern_id IS 'log_pattern.id.';
COMMENT ON COLUMN pgvigil.log_pattern_minute.lines IS 'How many.';
