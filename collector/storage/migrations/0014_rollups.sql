-- Rollups: five minutes and one hour, a day a row, derived from chunks by the chore "rollups". What
-- waits for it is pgvigil.rollup_dirty. How numbers become vectors: collector/storage/rollups/
-- rollup_codec.h; how they come back: pgvigil.rollup_buckets.

CREATE TABLE pgvigil.rollup_5m (
  family_id    int8 NOT NULL,
  window_start timestamptz NOT NULL,
  host_id      int4 NOT NULL,
  ords         int2[] NOT NULL,
  shapes       int2[] NOT NULL,
  bases        int8[] NOT NULL,
  biases       float4[] NOT NULL,
  bytes        "char"[],
  smalls       int2[],
  lows         int2[],
  highs        "char"[],
  ints         int4[],
  longs        int8[],
  doubles      float8[],
  PRIMARY KEY (family_id, window_start)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE pgvigil.rollup_5m IS 'Rollups of five minutes: 288 buckets of each series of a family, a row a day, in partitions of a day. Read them by pgvigil.rollup_5m_samples.';
COMMENT ON COLUMN pgvigil.rollup_5m.family_id IS 'Which series.';
COMMENT ON COLUMN pgvigil.rollup_5m.window_start IS 'The day, UTC. Bucket i, from 1, begins at window_start + (i - 1) * 5 minutes.';
COMMENT ON COLUMN pgvigil.rollup_5m.host_id IS 'The family''s host.';
COMMENT ON COLUMN pgvigil.rollup_5m.ords IS 'The members: series that have samples that day; ord 0 is family.series_ids[1].';
COMMENT ON COLUMN pgvigil.rollup_5m.shapes IS 'Of each member seven: scale (a value is units / 10^scale, or units * 2^-scale when scale is negative), then of count, last, min, max, sum and increase where its vector is: type + 16 * place. Types: 0 nowhere, 1 bytes, 2 smalls, 3 lows and highs, 4 ints, 8 longs, 9 doubles, 15 no increase; place: from 0, in vectors.';
COMMENT ON COLUMN pgvigil.rollup_5m.bases IS 'Of each member the value in units before the first bucket.';
COMMENT ON COLUMN pgvigil.rollup_5m.biases IS 'Of each member six: what is to be added to every element of each vector.';
COMMENT ON COLUMN pgvigil.rollup_5m.bytes IS 'Vectors of 288 elements, one after the other: those that fit into bytes.';
COMMENT ON COLUMN pgvigil.rollup_5m.smalls IS 'Those that fit into 16 bits.';
COMMENT ON COLUMN pgvigil.rollup_5m.lows IS 'Those that fit into 24 bits: the lower 16.';
COMMENT ON COLUMN pgvigil.rollup_5m.highs IS 'And the upper 8: an element is high * 65536 + (low & 65535).';
COMMENT ON COLUMN pgvigil.rollup_5m.ints IS 'Those that fit into 32 bits.';
COMMENT ON COLUMN pgvigil.rollup_5m.longs IS 'The other integers.';
COMMENT ON COLUMN pgvigil.rollup_5m.doubles IS 'Vectors of values that are no decimal fractions, as they are.';

CREATE TABLE pgvigil.rollup_1h (
  family_id    int8 NOT NULL,
  window_start timestamptz NOT NULL,
  host_id      int4 NOT NULL,
  ords         int2[] NOT NULL,
  shapes       int2[] NOT NULL,
  bases        int8[] NOT NULL,
  biases       float4[] NOT NULL,
  bytes        "char"[],
  smalls       int2[],
  lows         int2[],
  highs        "char"[],
  ints         int4[],
  longs        int8[],
  doubles      float8[],
  PRIMARY KEY (family_id, window_start)
) PARTITION BY RANGE (window_start);
COMMENT ON TABLE pgvigil.rollup_1h IS 'Rollups of an hour: 24 buckets of each series of a family, a row a day, in partitions of a month. Read them by pgvigil.rollup_1h_samples.';
COMMENT ON COLUMN pgvigil.rollup_1h.family_id IS 'Which series.';
COMMENT ON COLUMN pgvigil.rollup_1h.window_start IS 'The day, UTC. Bucket i, from 1, begins at window_start + (i - 1) * 1 hour.';
COMMENT ON COLUMN pgvigil.rollup_1h.host_id IS 'The family''s host.';
COMMENT ON COLUMN pgvigil.rollup_1h.ords IS 'The members: series that have samples that day; ord 0 is family.series_ids[1].';
COMMENT ON COLUMN pgvigil.rollup_1h.shapes IS 'Of each member seven: scale (a value is units / 10^scale, or units * 2^-scale when scale is negative), then of count, last, min, max, sum and increase where its vector is: type + 16 * place. Types: 0 nowhere, 1 bytes, 2 smalls, 3 lows and highs, 4 ints, 8 longs, 9 doubles, 15 no increase; place: from 0, in vectors.';
COMMENT ON COLUMN pgvigil.rollup_1h.bases IS 'Of each member the value in units before the first bucket.';
COMMENT ON COLUMN pgvigil.rollup_1h.biases IS 'Of each member six: what is to be added to every element of each vector.';
COMMENT ON COLUMN pgvigil.rollup_1h.bytes IS 'Vectors of 24 elements, one after the other: those that fit into bytes.';
COMMENT ON COLUMN pgvigil.rollup_1h.smalls IS 'Those that fit into 16 bits.';
COMMENT ON COLUMN pgvigil.rollup_1h.lows IS 'Those that fit into 24 bits: the lower 16.';
COMMENT ON COLUMN pgvigil.rollup_1h.highs IS 'And the upper 8: an element is high * 65536 + (low & 65535).';
COMMENT ON COLUMN pgvigil.rollup_1h.ints IS 'Those that fit into 32 bits.';
COMMENT ON COLUMN pgvigil.rollup_1h.longs IS 'The other integers.';
COMMENT ON COLUMN pgvigil.rollup_1h.doubles IS 'Vectors of values that are no decimal fractions, as they are.';

CREATE FUNCTION pgvigil.rollup_mids(lows int2[], highs "char"[]) RETURNS int8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_agg(h::int4::int8 * 65536 + (l::int4 & 65535) ORDER BY slot)
  FROM unnest($1, $2) WITH ORDINALITY AS u(l, h, slot)
$$;
COMMENT ON FUNCTION pgvigil.rollup_mids IS 'Puts integers of 24 bits together.';

-- One vector without its bias, NULL when it is nowhere.
CREATE FUNCTION pgvigil.rollup_integers(shape int2, slots int4, bytes "char"[], smalls int2[],
                                        lows int2[], highs "char"[], ints int4[], longs int8[])
RETURNS int8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE $1 & 15
    WHEN 1 THEN $3[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2]::int4[]::int8[]
    WHEN 2 THEN $4[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2]::int8[]
    WHEN 3 THEN pgvigil.rollup_mids($5[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2],
                                    $6[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2])
    WHEN 4 THEN $7[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2]::int8[]
    WHEN 8 THEN $8[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2]
  END
$$;
COMMENT ON FUNCTION pgvigil.rollup_integers IS 'Cuts a vector of integers out of a row of rollups; NULL: it is stored nowhere, or as doubles.';

CREATE FUNCTION pgvigil.rollup_doubles(shape int2, slots int4, doubles float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE $1 & 15
    WHEN 9 THEN $3[($1 >> 4) * $2 + 1 : ($1 >> 4) * $2 + $2]
  END
$$;
COMMENT ON FUNCTION pgvigil.rollup_doubles IS 'Cuts a vector of doubles out of a row of rollups; NULL: it is stored otherwise.';

CREATE FUNCTION pgvigil.rollup_buckets(slots int4, shape int2[], base int8, biases float4[],
                                       bytes "char"[], smalls int2[], lows int2[],
                                       highs "char"[], ints int4[], longs int8[],
                                       doubles float8[])
RETURNS TABLE (slot int8, count int8, last float8, min float8, max float8, sum float8,
               increase float8)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT v.slot, v.count, v.last,
         coalesce(v.dmin, v.low::float8 * v.mul / v.div),
         coalesce(v.dmax, v.high::float8 * v.mul / v.div),
         coalesce(v.dsum, CASE WHEN $2[6] & 15 <> 9 THEN
           (((v.count * (v.low + v.high)) >> 1) + v.sum)::float8 * v.mul / v.div END),
         CASE WHEN $2[7] & 15 <> 15 THEN
           coalesce(v.dincrease, (v.growth + v.increase)::float8 * v.mul / v.div) END
  FROM (
    SELECT t.*, coalesce(t.dlast, t.units::float8 * t.mul / t.div) AS last,
           least(t.units, t.units - t.growth) + t.min AS low,
           greatest(t.units, t.units - t.growth) + t.max AS high
    FROM (
      SELECT u.slot, $4[1]::int8 + coalesce(u.count, 0) AS count,
             $4[2]::int8 + coalesce(u.growth, 0) AS growth,
             ($3 + sum(($4[2]::int8 + coalesce(u.growth, 0))::float8) OVER (ORDER BY u.slot))::int8
               AS units,
             $4[3]::int8 + coalesce(u.min, 0) AS min, $4[4]::int8 + coalesce(u.max, 0) AS max,
             $4[5]::int8 + coalesce(u.sum, 0) AS sum, $4[6]::int8 + coalesce(u.increase, 0) AS increase,
             u.dlast, u.dmin, u.dmax, u.dsum, u.dincrease,
             CASE WHEN $2[1] < 0 THEN power(2::float8, -$2[1]) ELSE 1 END AS mul,
             CASE WHEN $2[1] > 0 THEN power(10::float8, $2[1]) ELSE 1 END AS div
      FROM unnest(array_fill(0, ARRAY[$1]),
                  pgvigil.rollup_integers($2[2], $1, $5, $6, $7, $8, $9, $10),
                  pgvigil.rollup_integers($2[3], $1, $5, $6, $7, $8, $9, $10),
                  pgvigil.rollup_integers($2[4], $1, $5, $6, $7, $8, $9, $10),
                  pgvigil.rollup_integers($2[5], $1, $5, $6, $7, $8, $9, $10),
                  pgvigil.rollup_integers($2[6], $1, $5, $6, $7, $8, $9, $10),
                  pgvigil.rollup_integers($2[7], $1, $5, $6, $7, $8, $9, $10),
                  pgvigil.rollup_doubles($2[3], $1, $11),
                  pgvigil.rollup_doubles($2[4], $1, $11),
                  pgvigil.rollup_doubles($2[5], $1, $11),
                  pgvigil.rollup_doubles($2[6], $1, $11),
                  pgvigil.rollup_doubles($2[7], $1, $11))
           WITH ORDINALITY AS u(nothing, count, growth, min, max, sum, increase,
                                dlast, dmin, dmax, dsum, dincrease, slot)
    ) AS t
    WHERE t.count > 0
  ) AS v
$$;
COMMENT ON FUNCTION pgvigil.rollup_buckets IS 'The buckets of one member of a row of rollups, those that have samples. shape, base and biases: the member''s part of shapes (seven), bases and biases (six).';

CREATE VIEW pgvigil.rollup_5m_samples AS
SELECT h.name AS host, n.name AS metric, s.labels, s.id AS series_id, r.window_start AS day,
       r.window_start + (b.slot - 1) * interval '5 minutes' AS time,
       b.min, b.max, b.sum / b.count AS avg, b.sum, b.count, b.last, b.increase
FROM pgvigil.rollup_5m r
CROSS JOIN LATERAL unnest(r.ords) WITH ORDINALITY AS m(ord, place)
JOIN pgvigil.series s ON s.family_id = r.family_id AND s.family_ord = m.ord
JOIN pgvigil.host h ON h.id = s.host_id
JOIN pgvigil.metric n ON n.id = s.metric_id
CROSS JOIN LATERAL pgvigil.rollup_buckets(
  288, r.shapes[m.place * 7 - 6 : m.place * 7], r.bases[m.place], r.biases[m.place * 6 - 5 : m.place * 6],
  r.bytes, r.smalls, r.lows, r.highs, r.ints, r.longs, r.doubles) AS b;
COMMENT ON VIEW pgvigil.rollup_5m_samples IS 'Rollups of five minutes as rows. Whole days up to yesterday; name days (day >= ..., not only time) so that other partitions are not read.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.host IS 'host.name.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.metric IS 'OpenTelemetry name, "system.cpu.time".';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.labels IS 'Labels of the series.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.series_id IS 'series.id.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.day IS 'The day of the bucket, UTC: what partitions go by.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.time IS 'When the bucket begins. Buckets without samples are left out.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.min IS 'Least value; NaN only when all are.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.max IS 'Greatest value; NaN only when all are.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.avg IS 'sum / count.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.sum IS 'Sum of the values; NaN when any is.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.count IS 'How many samples, stale markers not counted.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.last IS 'The newest value.';
COMMENT ON COLUMN pgvigil.rollup_5m_samples.increase IS 'Of a counter: by how much it grew since the sample before the bucket, which is at most an hour older; a fall is a new beginning at 0. NULL: no counter.';

CREATE VIEW pgvigil.rollup_1h_samples AS
SELECT h.name AS host, n.name AS metric, s.labels, s.id AS series_id, r.window_start AS day,
       r.window_start + (b.slot - 1) * interval '1 hour' AS time,
       b.min, b.max, b.sum / b.count AS avg, b.sum, b.count, b.last, b.increase
FROM pgvigil.rollup_1h r
CROSS JOIN LATERAL unnest(r.ords) WITH ORDINALITY AS m(ord, place)
JOIN pgvigil.series s ON s.family_id = r.family_id AND s.family_ord = m.ord
JOIN pgvigil.host h ON h.id = s.host_id
JOIN pgvigil.metric n ON n.id = s.metric_id
CROSS JOIN LATERAL pgvigil.rollup_buckets(
  24, r.shapes[m.place * 7 - 6 : m.place * 7], r.bases[m.place], r.biases[m.place * 6 - 5 : m.place * 6],
  r.bytes, r.smalls, r.lows, r.highs, r.ints, r.longs, r.doubles) AS b;
COMMENT ON VIEW pgvigil.rollup_1h_samples IS 'Rollups of an hour as rows. Whole days up to yesterday; name days (day >= ..., not only time) so that other partitions are not read.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.host IS 'host.name.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.metric IS 'OpenTelemetry name, "system.cpu.time".';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.labels IS 'Labels of the series.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.series_id IS 'series.id.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.day IS 'The day of the bucket, UTC: what partitions go by.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.time IS 'When the bucket begins. Buckets without samples are left out.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.min IS 'Least value; NaN only when all are.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.max IS 'Greatest value; NaN only when all are.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.avg IS 'sum / count.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.sum IS 'Sum of the values; NaN when any is.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.count IS 'How many samples, stale markers not counted.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.last IS 'The newest value.';
COMMENT ON COLUMN pgvigil.rollup_1h_samples.increase IS 'Of a counter: by how much it grew since the sample before the bucket, which is at most an hour older; a fall is a new beginning at 0. NULL: no counter.';
