#!/bin/sh
# What the agent needs of a PostgreSQL: a role, and pg_stat_statements. Run once, when the demo's is made.
set -eu
password=$(cat /pgvigil/postgres-secrets/monitor)
psql -v ON_ERROR_STOP=1 --quiet --username postgres --dbname "$POSTGRES_DB" <<SQL
create role pgvigil login password '$password' in role pg_monitor;
create extension pg_stat_statements;
SQL
