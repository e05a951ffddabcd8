-- Kafka: how far each partition is stored, what could not be stored, and what came out of order.

-- Updated once a group commit for each partition in it, as agent_stream is.
CREATE TABLE pgvigil.kafka_position (
  topic       text NOT NULL,
  partition   int4 NOT NULL,
  next_offset int8 NOT NULL DEFAULT 0,
  anchor      int8,
  owner_epoch int8 NOT NULL DEFAULT 1,
  owner       text NOT NULL DEFAULT '',
  claimed_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz,
  recreations int8 NOT NULL DEFAULT 0,
  expired     int8 NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
COMMENT ON TABLE pgvigil.kafka_position IS 'How far each partition of a topic is stored. Changes only in the transaction that stores the records, so that every record is stored exactly once; Kafka''s own group offsets are for lag tools only.';
COMMENT ON COLUMN pgvigil.kafka_position.topic IS 'The topic.';
COMMENT ON COLUMN pgvigil.kafka_position.partition IS 'Its partition.';
COMMENT ON COLUMN pgvigil.kafka_position.next_offset IS 'Every record before it is stored, or is a row of dead_letter.';
COMMENT ON COLUMN pgvigil.kafka_position.anchor IS 'xxh3-64 of the value of the record at next_offset - 1: another record at that offset means that the topic was deleted and made again. Null: not known.';
COMMENT ON COLUMN pgvigil.kafka_position.owner_epoch IS 'Raised by each process that begins to consume the partition; who has an older one may not store.';
COMMENT ON COLUMN pgvigil.kafka_position.owner IS 'Who claimed it last, host:process, for people.';
COMMENT ON COLUMN pgvigil.kafka_position.claimed_at IS 'When.';
COMMENT ON COLUMN pgvigil.kafka_position.updated_at IS 'When a record was last stored.';
COMMENT ON COLUMN pgvigil.kafka_position.recreations IS 'How often the topic was found to be made again, so that reading began anew.';
COMMENT ON COLUMN pgvigil.kafka_position.expired IS 'Records that Kafka deleted (its retention) before they were stored.';

CREATE TABLE pgvigil.dead_letter (
  id             int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic          text NOT NULL,
  partition      int4 NOT NULL,
  "offset"       int8 NOT NULL,
  reason         text NOT NULL,
  message        text NOT NULL,
  tenant_id      int4,
  agent_uuid     uuid,
  size_bytes     int8 NOT NULL,
  dead_topic     text NOT NULL,
  dead_partition int4 NOT NULL,
  dead_offset    int8 NOT NULL,
  at             timestamptz NOT NULL DEFAULT now(),
  replayed_at    timestamptz
);
CREATE INDEX dead_letter_waiting_idx ON pgvigil.dead_letter (id) WHERE replayed_at IS NULL;
COMMENT ON TABLE pgvigil.dead_letter IS 'Records that could not be stored. Their bytes are in the dead-letter topic; `pgvigil-collector dead-letters replay` sends them again.';
COMMENT ON COLUMN pgvigil.dead_letter.id IS 'Ascending in the order of storing.';
COMMENT ON COLUMN pgvigil.dead_letter.topic IS 'Where the record came from.';
COMMENT ON COLUMN pgvigil.dead_letter.partition IS 'Its partition there.';
COMMENT ON COLUMN pgvigil.dead_letter."offset" IS 'Its offset there.';
COMMENT ON COLUMN pgvigil.dead_letter.reason IS '"schema", "undecodable", "refused", "unknown_layout", "older_life" …';
COMMENT ON COLUMN pgvigil.dead_letter.message IS 'What exactly was wrong.';
COMMENT ON COLUMN pgvigil.dead_letter.tenant_id IS 'Whose, as its header said; null when it did not.';
COMMENT ON COLUMN pgvigil.dead_letter.agent_uuid IS 'Which agent sent it, as its header said; null when it did not.';
COMMENT ON COLUMN pgvigil.dead_letter.size_bytes IS 'Size of the value.';
COMMENT ON COLUMN pgvigil.dead_letter.dead_topic IS 'Where its bytes are.';
COMMENT ON COLUMN pgvigil.dead_letter.dead_partition IS 'The partition there.';
COMMENT ON COLUMN pgvigil.dead_letter.dead_offset IS 'The offset there.';
COMMENT ON COLUMN pgvigil.dead_letter.at IS 'When it was given up.';
COMMENT ON COLUMN pgvigil.dead_letter.replayed_at IS 'When it was sent again; null: never.';

-- What came out of order is stored when it comes. Of what was stored before this migration, all
-- that is missing counts as given up, as it did then.
ALTER TABLE pgvigil.agent_stream
  ADD COLUMN missing int8[] NOT NULL DEFAULT '{}',
  ADD COLUMN older_lives int8[] NOT NULL DEFAULT '{}',
  ADD COLUMN oldest_incarnation int8 NOT NULL DEFAULT 0;
UPDATE pgvigil.agent_stream SET oldest_incarnation = incarnation;
COMMENT ON COLUMN pgvigil.agent_stream.gaps IS 'Sequence numbers that did not come: fewer again when one comes late.';
COMMENT ON COLUMN pgvigil.agent_stream.missing IS 'Ranges of sequence below it that are not stored, as first, end, first, end … (end exclusive); one that comes late is stored. At most 64 ranges.';
COMMENT ON COLUMN pgvigil.agent_stream.older_lives IS 'The same of at most 8 earlier incarnations: for each incarnation, sequence, number of ranges, first, end …';
COMMENT ON COLUMN pgvigil.agent_stream.oldest_incarnation IS 'Of incarnations before this one it is not known what is stored; their batches are refused.';

ALTER TABLE pgvigil.log_file ADD COLUMN missing int8[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN pgvigil.log_file.position IS 'End of the furthest chunk that is stored; null: nothing yet.';
COMMENT ON COLUMN pgvigil.log_file.gap_bytes IS 'Bytes between chunks that did not come: fewer again when they come late.';
COMMENT ON COLUMN pgvigil.log_file.missing IS 'Ranges of bytes before position that are not stored, as begin, end, begin, end …; lines that begin in one are stored when they come. At most 64 ranges.';

COMMENT ON COLUMN pgvigil.log_file.format IS '1 jsonlog, 2 PostgreSQL stderr, 3 syslog, 4 OpenTelemetry records of a foreign producer.';
