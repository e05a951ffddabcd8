-- What the limits of series are held against, and what they refused.

CREATE TABLE pgvigil.host_series (
  host_id    int4 PRIMARY KEY REFERENCES pgvigil.host ON DELETE CASCADE,
  tenant_id  int4 NOT NULL REFERENCES pgvigil.tenant,
  active     int4 NOT NULL,
  counted_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX host_series_tenant_idx ON pgvigil.host_series (tenant_id);
COMMENT ON TABLE pgvigil.host_series IS 'How many active series each host has: what series_per_agent and, summed, series_per_tenant are held against.';
COMMENT ON COLUMN pgvigil.host_series.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.host_series.tenant_id IS 'Whose host; as host.tenant_id.';
COMMENT ON COLUMN pgvigil.host_series.active IS 'Series with a last_seen within two days of counted_at, and those registered since.';
COMMENT ON COLUMN pgvigil.host_series.counted_at IS 'When series were counted: at each registration of new ones, and when the tenant seems full.';

CREATE TABLE pgvigil.series_refusal (
  host_id    int4 NOT NULL REFERENCES pgvigil.host ON DELETE CASCADE,
  metric     text NOT NULL,
  reason     text NOT NULL,
  series     int8 NOT NULL,
  example    jsonb NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (host_id, metric, reason)
);
COMMENT ON TABLE pgvigil.series_refusal IS 'New series that were refused over a limit, by name. Their samples are counted in refusal as "series_limit".';
COMMENT ON COLUMN pgvigil.series_refusal.host_id IS 'The host.';
COMMENT ON COLUMN pgvigil.series_refusal.metric IS 'Name of the metric; "" stands for all beyond the first hundred of a host.';
COMMENT ON COLUMN pgvigil.series_refusal.reason IS 'The limit: "series_per_agent" or "series_per_tenant".';
COMMENT ON COLUMN pgvigil.series_refusal.series IS 'How many, when a layout with them was last registered.';
COMMENT ON COLUMN pgvigil.series_refusal.example IS 'Labels of one of them.';
COMMENT ON COLUMN pgvigil.series_refusal.first_seen IS 'When it first happened.';
COMMENT ON COLUMN pgvigil.series_refusal.last_seen IS 'When it last happened.';

COMMENT ON COLUMN pgvigil.layout.series_ids IS 'series.id by position in the block; 0: the series was refused over a limit, and its values are nobody''s. A 0 may become an id later, when there is room; nothing else ever changes.';

-- For whoever follows what was seen since, and for what was not seen for long.
CREATE INDEX series_last_seen_idx ON pgvigil.series (last_seen);
