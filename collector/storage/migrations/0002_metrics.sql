-- Metrics: the catalogue of series and layouts, and L0, the blocks as agents sent them.

CREATE TABLE pgvigil.metric (
  id         int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id  int4 NOT NULL REFERENCES pgvigil.tenant,
  name       text NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name)
);
COMMENT ON TABLE pgvigil.metric IS 'Names of metrics.';
COMMENT ON COLUMN pgvigil.metric.id IS 'Surrogate.';
COMMENT ON COLUMN pgvigil.metric.tenant_id IS 'Whose metric.';
COMMENT ON COLUMN pgvigil.metric.name IS 'OpenTelemetry name, "system.cpu.time".';
COMMENT ON COLUMN pgvigil.metric.first_seen IS 'When its first series was registered.';

CREATE TABLE pgvigil.series (
  id          int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host_id     int4 NOT NULL REFERENCES pgvigil.host,
  metric_id   int4 NOT NULL REFERENCES pgvigil.metric,
  kind        int2 NOT NULL,
  unit        text NOT NULL,
  labels      jsonb NOT NULL,
  fingerprint uuid NOT NULL,
  first_seen  timestamptz NOT NULL DEFAULT now(),
  last_seen   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (host_id, fingerprint)
);
CREATE INDEX series_metric_idx ON pgvigil.series (metric_id, host_id);
COMMENT ON TABLE pgvigil.series IS 'Time series: a metric of a host with certain labels.';
COMMENT ON COLUMN pgvigil.series.id IS 'Surrogate; grows with time, so that a cache can be refreshed by id.';
COMMENT ON COLUMN pgvigil.series.host_id IS 'The host whose agent measures it.';
COMMENT ON COLUMN pgvigil.series.metric_id IS 'Its name.';
COMMENT ON COLUMN pgvigil.series.kind IS '1 gauge, 2 counter (cumulative, monotonic), 3 up-down counter.';
COMMENT ON COLUMN pgvigil.series.unit IS 'UCUM: "s", "By", "{operation}".';
COMMENT ON COLUMN pgvigil.series.labels IS 'Its labels together with the common ones of its layout, {"system.device": "sda"}.';
COMMENT ON COLUMN pgvigil.series.fingerprint IS 'XXH3-128 over name, unit, kind and labels: a metric that changes unit or kind makes new series.';
COMMENT ON COLUMN pgvigil.series.first_seen IS 'When it was registered.';
COMMENT ON COLUMN pgvigil.series.last_seen IS 'Raised once a day while blocks with it come.';

CREATE TABLE pgvigil.layout (
  id         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host_id    int4 NOT NULL REFERENCES pgvigil.host,
  hash       uuid NOT NULL,
  series_ids int8[] NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (host_id, hash)
);
COMMENT ON TABLE pgvigil.layout IS 'Ordered lists of series; a block names one instead of its series.';
COMMENT ON COLUMN pgvigil.layout.id IS 'Surrogate.';
COMMENT ON COLUMN pgvigil.layout.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.layout.hash IS 'The 16-byte content hash by which agents name it (XXH3-128).';
COMMENT ON COLUMN pgvigil.layout.series_ids IS 'series.id by position in the block.';
COMMENT ON COLUMN pgvigil.layout.first_seen IS 'When it was registered.';
COMMENT ON COLUMN pgvigil.layout.last_seen IS 'Raised once an hour while blocks with it come.';

-- L0. Hourly partitions by first_time, created ahead and on demand; no default partition. Payloads
-- are zstd already: EXTERNAL keeps TOAST from trying again. Retention by dropping partitions, and
-- compaction into L1, come with a later migration.
CREATE TABLE pgvigil.block (
  host_id    int4 NOT NULL,
  layout_id  int8 NOT NULL,
  first_time timestamptz NOT NULL,
  last_time  timestamptz NOT NULL,
  ticks      int2 NOT NULL,
  format     int2 NOT NULL,
  data       bytea NOT NULL,
  PRIMARY KEY (host_id, layout_id, first_time)
) PARTITION BY RANGE (first_time);
ALTER TABLE pgvigil.block ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE pgvigil.block IS 'L0: the values of all series of a layout over some ticks, byte for byte as the agent encoded them. Never longer than two hours.';
COMMENT ON COLUMN pgvigil.block.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.block.layout_id IS 'Which series, in which order.';
COMMENT ON COLUMN pgvigil.block.first_time IS 'Time of the first tick, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.block.last_time IS 'Time of the last tick, rounded down to microseconds.';
COMMENT ON COLUMN pgvigil.block.ticks IS 'How many instants.';
COMMENT ON COLUMN pgvigil.block.format IS '1: the block codec of shared/wire/block_codec.h.';
COMMENT ON COLUMN pgvigil.block.data IS 'Timestamps and values, encoded.';
