-- What upkeep remembers of partitions.

CREATE TABLE pgvigil.partition_state (
  name      text PRIMARY KEY,
  frozen_at timestamptz NOT NULL
);
COMMENT ON TABLE pgvigil.partition_state IS 'Partitions that were vacuumed and frozen once, after their time had passed.';
COMMENT ON COLUMN pgvigil.partition_state.name IS 'The partition, without the schema.';
COMMENT ON COLUMN pgvigil.partition_state.frozen_at IS 'When VACUUM (FREEZE, ANALYZE) of it ended.';
