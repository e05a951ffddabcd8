#!/bin/sh
# A shop's database at work: pgbench, some sessions, a few transactions a second.
set -eu
PGHOST=demo-postgres PGUSER=postgres PGDATABASE=shop PGPASSWORD=$(cat /pgvigil/postgres-secrets/demo)
export PGHOST PGUSER PGDATABASE PGPASSWORD
[ -n "$(psql --no-psqlrc --quiet --tuples-only --command "select 1 from pg_tables where tablename = 'pgbench_accounts'")" ] ||
  pgbench --initialize --quiet --scale=5
while :; do
  pgbench --client=4 --jobs=1 --rate=20 --time=300 --no-vacuum >/dev/null
done
