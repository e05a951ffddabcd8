#include "collector/storage/retention/stored_partition.h"

#include "collector/storage/sql_text.h"

namespace collector::storage {
namespace {

using shared::Result;

// A detached partition has lost its bounds, so its name must do: table_YYYYMMDD or
// table_YYYYMMDD_HH.
constexpr std::string_view kSql = R"sql(
/* pgvigil: partitions */
WITH partitioned AS (
  SELECT c.oid, c.relname FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'pgvigil' AND c.relkind = 'p'
), attached AS (
  SELECT p.relname AS parent, c.oid, c.relname AS name, i.inhdetachpending AS detaching,
         false AS detached,
         pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid),
                                 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)') AS bounds
  FROM partitioned p
  JOIN pg_catalog.pg_inherits i ON i.inhparent = p.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
), detached AS (
  SELECT p.relname AS parent, c.oid, c.relname AS name, false, true,
         pg_catalog.regexp_match(pg_catalog.substr(c.relname, pg_catalog.length(p.relname) + 1),
                                 '^_(\d{8})(?:_(\d\d))?$') AS parts
  FROM partitioned p
  JOIN pg_catalog.pg_class c ON pg_catalog.starts_with(c.relname, p.relname || '_')
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'pgvigil' AND c.relkind = 'r' AND NOT c.relispartition
), everything AS (
  SELECT parent, oid, name, detaching, detached, bounds[1]::timestamptz AS lower,
         bounds[2]::timestamptz AS upper
  FROM attached WHERE bounds IS NOT NULL
  UNION ALL
  SELECT d.parent, d.oid, d.name, false, true, t.lower,
         t.lower + CASE WHEN d.parts[2] IS NULL THEN interval '1 day' ELSE interval '1 hour' END
  FROM detached d
  CROSS JOIN LATERAL (SELECT pg_catalog.to_timestamp(d.parts[1] || coalesce(d.parts[2], '00'),
                                                     'YYYYMMDDHH24') AS lower) t
  WHERE d.parts IS NOT NULL
)
SELECT e.parent, e.name, (extract(epoch FROM e.lower) * 1000000)::int8,
       (extract(epoch FROM e.upper) * 1000000)::int8,
       coalesce(pg_catalog.pg_total_relation_size(e.oid), 0), s.name IS NOT NULL, e.detaching,
       e.detached
FROM everything e LEFT JOIN pgvigil.partition_state s ON s.name = e.name
ORDER BY e.parent, e.lower
)sql";

}  // namespace

Result<std::vector<StoredPartition>> ReadStoredPartitions(
    shared::postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const shared::postgres::Rows rows, connection.Query(kSql));
  std::vector<StoredPartition> out;
  out.reserve(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    StoredPartition& one = out.emplace_back();
    one.table = rows.Text(row, 0);
    one.name = rows.Text(row, 1);
    one.from = FromUnixMicros(rows.Int(row, 2).value_or(0));
    one.to = FromUnixMicros(rows.Int(row, 3).value_or(0));
    one.bytes = rows.Int(row, 4).value_or(0);
    one.frozen = rows.Bool(row, 5) == true;
    if (rows.Bool(row, 6) == true) one.state = StoredPartition::State::kDetaching;
    if (rows.Bool(row, 7) == true) one.state = StoredPartition::State::kDetached;
  }
  return out;
}

}  // namespace collector::storage
