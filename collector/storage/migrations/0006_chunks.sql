-- L1: chunks, compacted from blocks, and what compaction has done.

CREATE TABLE pgvigil.family (
  id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host_id    int4 NOT NULL REFERENCES pgvigil.host,
  series_ids int8[] NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX family_host_idx ON pgvigil.family (host_id);
COMMENT ON TABLE pgvigil.family IS 'Up to 16 series of a host that share chunks: those of one metric, or of a few small ones that stand beside each other by name.';
COMMENT ON COLUMN pgvigil.family.id IS 'Surrogate; grows with time.';
COMMENT ON COLUMN pgvigil.family.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.family.series_ids IS 'series.id by ord (the first is ord 0). Grows at its end only: what a chunk says of an ord stays true.';
COMMENT ON COLUMN pgvigil.family.first_seen IS 'When it was made.';

ALTER TABLE pgvigil.series ADD COLUMN family_id int8, ADD COLUMN family_ord int2;
CREATE INDEX series_without_family_idx ON pgvigil.series (host_id) WHERE family_id IS NULL;
COMMENT ON COLUMN pgvigil.series.family_id IS 'Its family, for good; NULL: no block of it was compacted yet.';
COMMENT ON COLUMN pgvigil.series.family_ord IS 'Its place in family.series_ids, from 0.';

-- Short chunks live for about an hour: partitions of an hour, which are empty when its data has
-- moved on and are dropped whole, so that nothing has to be vacuumed. Long ones: a day. Readers
-- ask pgvigil.chunk. Payloads are zstd already: EXTERNAL.
CREATE TABLE pgvigil.chunk (
  family_id    int8 NOT NULL,
  window_start timestamptz NOT NULL,
  span         int2 NOT NULL,
  host_id      int4 NOT NULL,
  first_time   timestamptz NOT NULL,
  last_time    timestamptz NOT NULL,
  samples      int4 NOT NULL,
  generation   int2 NOT NULL,
  format       int2 NOT NULL,
  data         bytea NOT NULL,
  PRIMARY KEY (family_id, window_start, span, host_id)
) PARTITION BY LIST (span);
ALTER TABLE pgvigil.chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE pgvigil.chunk IS 'L1: the samples of a family from the blocks that began in a window. Its samples may still be in their blocks, too; and where blocks overlapped, chunks of two windows have the same sample: the earlier window counts.';
COMMENT ON COLUMN pgvigil.chunk.family_id IS 'Which series: bit i of what the chunk holds is family.series_ids[i + 1].';
COMMENT ON COLUMN pgvigil.chunk.window_start IS 'Blocks with window_start <= first_time < window_start + span are in it, whole: the last sample may lie up to two hours later.';
COMMENT ON COLUMN pgvigil.chunk.span IS 'Minutes: 10, until the hour is over; then 60.';
COMMENT ON COLUMN pgvigil.chunk.host_id IS 'The family''s host.';
COMMENT ON COLUMN pgvigil.chunk.first_time IS 'Time of the first sample, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.chunk.last_time IS 'Time of the last sample, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.chunk.samples IS 'How many samples, stale markers not counted.';
COMMENT ON COLUMN pgvigil.chunk.generation IS 'How often it was written anew, because of data that came late.';
COMMENT ON COLUMN pgvigil.chunk.format IS '1: collector/storage/chunks/chunk_codec.h.';
COMMENT ON COLUMN pgvigil.chunk.data IS 'Timestamps and values, encoded.';
CREATE TABLE pgvigil.chunk_minutes (LIKE pgvigil.chunk INCLUDING ALL)
  PARTITION BY RANGE (window_start);
CREATE TABLE pgvigil.chunk_hours (LIKE pgvigil.chunk INCLUDING ALL)
  PARTITION BY RANGE (window_start);
ALTER TABLE pgvigil.chunk ATTACH PARTITION pgvigil.chunk_minutes FOR VALUES IN (10);
ALTER TABLE pgvigil.chunk ATTACH PARTITION pgvigil.chunk_hours FOR VALUES IN (60);
COMMENT ON TABLE pgvigil.chunk_minutes IS 'Chunks of ten minutes, in partitions of an hour.';
COMMENT ON TABLE pgvigil.chunk_hours IS 'Chunks of an hour, in partitions of a day.';

CREATE TABLE pgvigil.compacted_window (
  host_id      int4 NOT NULL,
  window_start timestamptz NOT NULL,
  blocks       int8 NOT NULL,
  fingerprint  int8 NOT NULL,
  samples      int8 NOT NULL,
  duplicates   int8 NOT NULL,
  damaged      int8 NOT NULL,
  compacted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, window_start)
);
COMMENT ON TABLE pgvigil.compacted_window IS 'Which blocks are in chunks, by host and window of ten minutes. Written in the transaction that writes the chunks; forgotten when the blocks'' partition is dropped.';
COMMENT ON COLUMN pgvigil.compacted_window.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.compacted_window.window_start IS 'The window: ten minutes of block.first_time, whole multiples since 2000-01-01.';
COMMENT ON COLUMN pgvigil.compacted_window.blocks IS 'How many blocks of the window are in chunks.';
COMMENT ON COLUMN pgvigil.compacted_window.fingerprint IS 'Which ones: bit_xor of their pgvigil.block_fingerprint.';
COMMENT ON COLUMN pgvigil.compacted_window.samples IS 'How many values these blocks hold.';
COMMENT ON COLUMN pgvigil.compacted_window.duplicates IS 'How many of them were left out, for another value of that series and time was there first.';
COMMENT ON COLUMN pgvigil.compacted_window.damaged IS 'How many of these blocks could not be decoded and are in no chunk.';
COMMENT ON COLUMN pgvigil.compacted_window.compacted_at IS 'When.';

-- The hash may be another after pg_upgrade to another platform: windows are then compacted again,
-- which changes nothing.
CREATE FUNCTION pgvigil.block_fingerprint(layout_id int8, first_time timestamptz) RETURNS int8
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT hashint8extended($1, round(date_part('epoch', $2) * 1000000::float8)::int8)
$$;
COMMENT ON FUNCTION pgvigil.block_fingerprint IS 'A hash of a block''s key within its host.';

-- Blocks are only ever added: a window is as it was compacted while count and fingerprint agree.
CREATE FUNCTION pgvigil.uncompacted_windows(since timestamptz, before timestamptz,
                                            hosts int4[] DEFAULT NULL)
RETURNS TABLE (host_id int4, window_start timestamptz, blocks int8, fingerprint int8,
               compacted_blocks int8)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT found.host_id, found.window_start, found.blocks, found.fingerprint, c.blocks
  FROM (SELECT b.host_id,
               date_bin('10 minutes', b.first_time, '2000-01-01 00:00:00+00') AS window_start,
               count(*) AS blocks,
               bit_xor(pgvigil.block_fingerprint(b.layout_id, b.first_time)) AS fingerprint
        FROM pgvigil.block b
        WHERE b.first_time >= $1 AND b.first_time < $2 AND ($3 IS NULL OR b.host_id = ANY ($3))
        GROUP BY 1, 2) AS found
  LEFT JOIN pgvigil.compacted_window c
    ON c.host_id = found.host_id AND c.window_start = found.window_start
  WHERE c.host_id IS NULL OR c.blocks <> found.blocks OR c.fingerprint <> found.fingerprint
$$;
COMMENT ON FUNCTION pgvigil.uncompacted_windows IS 'Windows of ten minutes that hold blocks which no chunk has, from since (inclusive) to before; both must be multiples of ten minutes. hosts: only these. compacted_blocks: how many were compacted at some time before, NULL: none.';

CREATE TABLE pgvigil.rollup_dirty (
  host_id int4 NOT NULL,
  hour    timestamptz NOT NULL,
  version int8 NOT NULL DEFAULT 1,
  since   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, hour)
);
COMMENT ON TABLE pgvigil.rollup_dirty IS 'Hours of which chunks got new samples since their rollups were made. Written in the transaction that writes the chunks.';
COMMENT ON COLUMN pgvigil.rollup_dirty.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.rollup_dirty.hour IS 'Samples with hour <= time < hour + 1 hour are new.';
COMMENT ON COLUMN pgvigil.rollup_dirty.version IS 'Grows with each change: who made the rollups deletes the row of the version that it saw.';
COMMENT ON COLUMN pgvigil.rollup_dirty.since IS 'The oldest change.';
