#!/bin/sh
# The role that Grafana's data source uses: it may read the views of the schema pgvigil, nothing else.
set -eu
secrets=/pgvigil/postgres-secrets
PGHOST=postgres PGUSER=pgvigil PGDATABASE=pgvigil PGPASSWORD=$(cat $secrets/store)
export PGHOST PGUSER PGDATABASE PGPASSWORD
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 <<SQL
DO \$\$BEGIN
  IF to_regrole('grafana') IS NULL THEN
    CREATE ROLE grafana LOGIN IN ROLE pgvigil_reader;
  END IF;
END\$\$;
ALTER ROLE grafana PASSWORD '$(cat $secrets/grafana)';
SQL
